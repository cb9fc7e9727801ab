"""Files that contradict themselves: what they say of a picture is refused, and nothing is labelled by half of it."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from data_helpers import boxes, read_all, reasons, save_image, save_json, save_text
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fetalflex.data.importers.numbers import count_doubt
from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
CORNERS = {"xmin": 10, "ymin": 20, "xmax": 60, "ymax": 70}


def labelme_json(name: str, **more: object) -> dict:
    shape = {"label": "skull", "points": [[10, 20], [60, 70]], "shape_type": "rectangle"}
    return {"imagePath": name, "imageWidth": 100, "imageHeight": 80, "shapes": [shape], **more}


def voc_xml(name: str) -> str:
    edges = "".join(f"<{edge}>{value}</{edge}>" for edge, value in CORNERS.items())
    return (
        f"<annotation><filename>{name}</filename><size><width>100</width><height>80</height></size>"
        f"<object><name>skull</name><bndbox>{edges}</bndbox></object></annotation>"
    )


def labelme_xml(name: str) -> str:
    corners = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in [(10, 20), (60, 20), (60, 70), (10, 70)])
    return (
        f"<annotation><filename>{name}</filename><imagesize><nrows>80</nrows><ncols>100</ncols></imagesize>"
        f"<object><name>skull</name><polygon>{corners}</polygon></object></annotation>"
    )


def save_file(format: str, path, name: str) -> None:
    """Write an annotation file that names an image."""
    if format == "labelme_json":
        save_json(path.with_suffix(".json"), labelme_json(name))
    else:
        save_text(path.with_suffix(".xml"), {"voc": voc_xml, "labelme_xml": labelme_xml}[format](name))


@pytest.mark.parametrize("format", ["voc", "labelme_xml", "labelme_json"])
class TestNamesOfOneFile:
    def read(self, format, tmp_path):
        return read_all(format.partition("_")[0], tmp_path, **PLANE)

    def test_names_of_before_a_renumbering_label_nothing(self, tmp_path, format):
        for number in range(4):
            save_image(tmp_path / f"{number}.png", 100, 80)
            save_file(format, tmp_path / f"{number}", f"{number - 1}.png")
        items, refusals = self.read(format, tmp_path)
        assert items == []
        assert reasons(refusals).count("has its own name, so one of both is wrong") == 3
        assert "there is no image '-1.png'" in reasons(refusals)

    def test_in_mirrored_folders_too(self, tmp_path, format):
        for name in "ab":
            save_image(tmp_path / "images" / "train" / f"{name}.png", 100, 80)
        save_file(format, tmp_path / "annotations" / "train" / "b", "a.png")
        items, refusals = self.read(format, tmp_path)
        assert items == []
        assert "images/train/b.png has its own name" in reasons(refusals)

    def test_a_file_with_a_name_of_its_own_may_name_any_image(self, tmp_path, format):
        save_image(tmp_path / "a.png", 100, 80)
        save_image(tmp_path / "b.png", 100, 80)
        save_file(format, tmp_path / "annotation-17", "a.png")
        (item,), _ = self.read(format, tmp_path)
        assert item.image_path.name == "a.png"
        assert boxes(item) == [("skull", 35, 45, 50, 50, 0)]


def test_a_picture_inside_a_labelme_file_must_be_the_one_that_it_names(tmp_path):
    def encoded(pixels: np.ndarray, **options: object) -> str:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, **options)
        return base64.b64encode(buffer.getvalue()).decode()

    named = np.asarray(Image.open(save_image(tmp_path / "a.png", 100, 80)))
    other = (np.hypot(*np.indices((80, 100)) - np.array([40, 50])[:, None, None]) * 4).clip(0, 255).astype(np.uint8)
    for same in (
        encoded(named, format="PNG"),
        encoded(named, format="JPEG", quality=60),
        encoded(named // 2 + 30, format="PNG"),
        "no base64!",
        "bm8gcGljdHVyZQ==",
        "",
        None,
        7,
    ):
        save_json(tmp_path / "a.json", labelme_json("a.png", imageData=same))
        items, refusals = read_all("labelme", tmp_path, **PLANE)
        assert (len(items), refusals) == (1, [])
    save_json(tmp_path / "a.json", labelme_json("a.png", imageData=encoded(other, format="PNG")))
    items, refusals = read_all("labelme", tmp_path, **PLANE)
    assert items == []
    assert "the picture in imageData is another one than a.png" in reasons(refusals)


class TestCountsOfClasses:
    NUMBERS = st.sets(st.integers(0, 30), min_size=1, max_size=8)

    @given(NUMBERS, st.sampled_from([-1, 1]))
    def test_a_shifted_count_is_told(self, known, shift):
        used = {number + shift for number in known}
        assert (count_doubt(used, known, "classes") is None) == (used <= known)

    @given(NUMBERS, NUMBERS)
    def test_what_fits_or_fits_no_shift_is_no_doubt(self, used, known):
        doubt = count_doubt(used, known, "classes")
        if used <= known:
            assert doubt is None
        elif doubt is not None:
            assert any({number - shift for number in used} <= known for shift in (-1, 1))

    @pytest.mark.parametrize(("names", "used"), [("[skull, thalami]", (1, 2)), ("{1: skull, 2: thalami}", (0, 1))])
    def test_yolo_labels_that_count_otherwise_label_nothing(self, tmp_path, names, used):
        for number in used:
            save_image(tmp_path / f"{number}.png", 100, 80)
            save_text(tmp_path / f"{number}.txt", f"{number} 0.5 0.5 0.2 0.2\n")
        save_text(tmp_path / "data.yaml", f"names: {names}\n")
        with pytest.raises(FetalFlexError, match="seem to count one"):
            read_all("yolo", tmp_path, **PLANE)

    def test_coco_annotations_that_count_otherwise_label_nothing(self, tmp_path):
        save_image(tmp_path / "a.png", 100, 80)
        save_json(
            tmp_path / "a.json",
            {
                "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
                "categories": [{"id": 1, "name": "skull"}, {"id": 2, "name": "thalami"}],
                "annotations": [
                    {"id": n, "image_id": 1, "category_id": n, "bbox": [10 + n, 20, 30, 40]} for n in (0, 1)
                ],
            },
        )
        items, refusals = read_all("coco", tmp_path, **PLANE)
        assert items == []
        assert reasons(refusals).count("the category ids 0 to 1, the names 1 to 2") == 2

    def test_names_and_their_count_must_agree(self, tmp_path):
        save_image(tmp_path / "a.png", 100, 80)
        save_text(tmp_path / "a.txt", "0 0.5 0.5 0.2 0.2\n")
        save_text(tmp_path / "data.yaml", "nc: 3\nnames: [skull, thalami]\n")
        with pytest.raises(FetalFlexError, match="nc is 3, but names has 2 classes"):
            read_all("yolo", tmp_path, **PLANE)

    @pytest.mark.parametrize("where", ["classes.txt", "labels/classes.txt", "obj.names", "labels/_darknet.labels"])
    def test_a_list_must_not_name_classes_otherwise_than_the_yaml_file(self, tmp_path, where):
        save_image(tmp_path / "images" / "a.png", 100, 80)
        save_text(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.2 0.2\n")
        save_text(tmp_path / "data.yaml", "names: [skull, thalami]\n")
        for agreeing in ("skull\nthalami\n", "skull\n", "skull\n\n", "skull\nthalami\nfemur\n"):
            save_text(tmp_path / where, agreeing)
            (item,), _ = read_all("yolo", tmp_path, **PLANE)
            assert item.layout.names() == ("skull",)
        save_text(tmp_path / where, "thalami\nskull\n")
        with pytest.raises(FetalFlexError, match=r"class 0 is 'skull' by .* but 'thalami' by"):
            read_all("yolo", tmp_path, **PLANE)


class TestBoxesThatSayMore:
    @pytest.mark.parametrize(
        "segmentation",
        [
            [[60, 60, 80, 60, 80, 75]],
            [[11, 21, 13, 21, 13, 23]],
            {"size": [80, 100], "counts": [6460, 15, 1525]},
        ],
    )
    def test_a_bbox_that_is_not_that_of_its_outline_is_refused(self, tmp_path, segmentation):
        items, refusals = self.read_coco(tmp_path, {"bbox": [10, 20, 40, 50], "segmentation": segmentation})
        assert items == []
        assert "bbox and segmentation are of different places or sizes" in reasons(refusals)

    @pytest.mark.parametrize(
        "segmentation",
        [
            [[10, 20, 50, 20, 50, 70]],
            [[15, 25, 45, 30, 40, 60]],
            [[10, 20, 20, 20, 20, 30], [40, 60, 50, 60, 50, 70]],
            [],
            None,
            [["x"]],
            {"size": [1, 1], "counts": "0"},
        ],
    )
    def test_one_that_is_nearly_so_counts(self, tmp_path, segmentation):
        (item,), _ = self.read_coco(tmp_path, {"bbox": [10, 20, 40, 50], "segmentation": segmentation})
        assert boxes(item) == [("skull", 30, 45, 40, 50, 0)]

    def read_coco(self, tmp_path, annotation):
        save_image(tmp_path / "a.png", 100, 80)
        content = {
            "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
            "categories": [{"id": 1, "name": "skull"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, **annotation}],
        }
        save_json(tmp_path / "a.json", content)
        return read_all("coco", tmp_path, **PLANE)

    @pytest.mark.parametrize(
        ("sides", "taken"),
        [("100,80", True), ("50,50", True), ("50.5,49.5", True), (",", True), ("200,160", False), ("80,100", False)],
    )
    def test_sides_beside_corners_are_those_of_the_box_or_of_the_image(self, tmp_path, sides, taken):
        save_image(tmp_path / "a.png", 100, 80)
        header = "file,width,height,label,xmin,ymin,xmax,ymax"
        save_text(tmp_path / "a.csv", f"{header}\na.png,{sides},skull,10,20,60,70\n")
        columns = {"x0": "xmin", "y0": "ymin", "x1": "xmax", "y1": "ymax"}
        items, refusals = read_all("table", tmp_path, columns=columns, **PLANE)
        assert len(items) == taken
        assert ("may be for the image at another size" in reasons(refusals)) is not taken


class TestEndlessPolygons:
    """Corners beyond what a number holds once they are pixels are refused, without a word of numpy's."""

    @pytest.mark.parametrize("rotated", [False, True])
    def test_of_every_format(self, tmp_path, rotated):
        save_image(tmp_path / "a.png", 100, 80)
        corners = [[1e307, 0.1], [0.5, 1e307], [0.7, 0.7]]
        flat = [value for corner in corners for value in corner]
        coco = {
            "images": [{"id": 1, "file_name": "a.png"}],
            "categories": [{"id": 1, "name": "skull"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [flat]}],
        }
        shape = {"label": "skull", "points": corners, "shape_type": "polygon"}
        points = ";".join(f"{x},{y}" for x, y in corners)
        written = {
            "coco": ("a.json", json.dumps(coco)),
            "labelme": ("a.json", json.dumps(labelme_json("a.png", shapes=[shape]))),
            "cvat": (
                "a.xml",
                f'<annotations><image name="a.png"><polygon label="skull" points="{points}"/></image></annotations>',
            ),
            "yolo": ("a.txt", f"0 {' '.join(map(str, flat))}"),
        }
        save_text(tmp_path / "classes.txt", "skull")
        for format, (name, content) in written.items():
            save_text(tmp_path / name, content)
            items, refusals = read_all(format, tmp_path, box_unit="fractions", rotated=rotated, **PLANE)
            assert items == []
            assert "beyond" in reasons(refusals)
            (tmp_path / name).unlink()
