from __future__ import annotations

import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image, save_text

from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}


def save_flat(root, line="0 0.5 0.5 0.4 0.25", names="HC\nCSP\n"):
    save_image(root / "a.png")
    save_text(root / "a.txt", line)
    save_text(root / "classes.txt", names)


class TestRoboflowExport:
    """Three images of a published export, with boxes of 640 x 432 pixel frames."""

    def test_all_is_taken_with_splits_and_patients(self):
        items, refusals = read_all("yolo", FIXTURES / "hc18_inner_yolo", patient_pattern=r"^(\d+)_", **PLANE)
        assert refusals == []
        assert {(item.patient, item.split) for item in items} == {("003", "train"), ("350", "val"), ("198", "test")}
        names = ("cavum_septi_pellucidi", "choroid_plexus", "midline_falx")
        assert all(item.layout.names() == names for item in items)

    def test_the_boxes_are_those_of_the_file(self):
        items, _ = read_all("yolo", FIXTURES / "hc18_inner_yolo", **PLANE)
        (item,) = [item for item in items if item.image_path.name.startswith("003")]
        assert (item.layout.width, item.layout.height) == (640, 432)
        assert boxes(item, 1) == [
            ("midline_falx", 299.0, 231.0, 498.0, 90.0, 0),
            ("cavum_septi_pellucidi", 155.0, 237.0, 94.0, 91.0, 0),
            ("choroid_plexus", 367.0, 296.0, 150.0, 90.0, 0),
        ]


def test_darknet_labels_in_obj_train_data_beside_the_images():
    source = FIXTURES / "head_biometry" / "Trans-ventricular"
    items, refusals = read_all(
        "yolo",
        source,
        plane="ventricular_transverse",
        patient_pattern=r"Patient(\d+)_",
        label_map={"LV": "LV"},
    )
    (item,) = items
    assert item.patient == "00978"
    assert boxes(item, 0) == [("lateral_ventricle", 612, 398, 86, 57, 0)]
    (refusal,) = refusals
    assert refusal.where == "obj_train_data/Patient01782_Plane3_1_of_2.txt"
    assert refusal.reason == "there is no image 'Patient01782_Plane3_1_of_2'"


def test_lines_beside_images_with_a_class_list(tmp_path):
    save_flat(tmp_path)
    (item,), refusals = read_all("yolo", tmp_path, **PLANE)
    assert refusals == []
    assert boxes(item) == [("skull", 50, 40, 40, 20, 0)]


@pytest.mark.parametrize("layout", ["{part}/{split}/", "{split}/{part}/"])
def test_labels_mirror_images_even_if_names_repeat(tmp_path, layout):
    save_text(tmp_path / "data.yaml", "names: {0: HC, 1: CSP}\n")
    for split, line in (("train", "0 0.5 0.5 0.4 0.25"), ("val", "1 0.5 0.5 0.2 0.1")):
        save_image(tmp_path / layout.format(part="images", split=split) / "a.png")
        save_text(tmp_path / layout.format(part="labels", split=split) / "a.txt", line)
    items, refusals = read_all("yolo", tmp_path, **PLANE)
    assert refusals == []
    assert {(item.split, item.layout.names()) for item in items} == {
        ("train", ("skull",)),
        ("val", ("cavum_septi_pellucidi",)),
    }


def test_a_polygon_line_gives_an_upright_or_a_rotated_box(tmp_path):
    save_flat(tmp_path, "0 0.5 0.125 0.8 0.5 0.5 0.875 0.2 0.5")
    (item,), _ = read_all("yolo", tmp_path, **PLANE)
    assert boxes(item) == [("skull", 50, 40, 60, 60, 0)]
    (item,), _ = read_all("yolo", tmp_path, rotated=True, **PLANE)
    assert item.layout.structures[0].box.area == pytest.approx(1800)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("7 0.5 0.5 0.4 0.25", "class '7' is none of the 2 classes"),
        ("-1 0.5 0.5 0.4 0.25", "class '-1'"),
        ("HC 0.5 0.5 0.4 0.25", "class 'HC'"),
        ("99999999999 0.5 0.5 0.4 0.25", "is none of"),
        ("0 0.5 0.5 0.4", "3 numbers follow the class"),
        ("0 0.5 0.5 0.4 0.25 0.99", "5 numbers follow the class"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "7 numbers follow the class"),
        ("0 0.5 nan 0.4 0.25", "must be a number"),
        ("0 0.5 x 0.4 0.25", "must be a number"),
        ("0 0.5 0.5 0 0.25", "greater than 0"),
        ("0 250 120 40 25", "--box-unit pixels or --box-unit percent"),
        ("0 0.1 0.1 0.2 0.1 0.3 0.1", "y0 < y1"),
    ],
)
def test_a_bad_line_is_refused_alone(tmp_path, line, reason):
    save_flat(tmp_path, f"{line}\n\n1 0.5 0.5 0.4 0.25\n")
    items, refusals = read_all("yolo", tmp_path, **PLANE)
    assert [item.layout.names() for item in items] == [("cavum_septi_pellucidi",)]
    assert [refusal.where for refusal in refusals] == ["a.txt line 1"]
    assert reason in refusals[0].reason


def test_a_box_over_the_border_is_clipped_and_noted(tmp_path):
    save_flat(tmp_path, "0 0.0 0.5 0.4 0.25")
    (item,), (note,) = read_all("yolo", tmp_path, **PLANE)
    assert boxes(item) == [("skull", 10, 40, 20, 20, 0)]
    assert note.kind == "noted"


def test_files_that_miss_each_other_and_empty_ones_are_refused(tmp_path):
    save_flat(tmp_path, "")
    save_text(tmp_path / "lost.txt", "0 0.5 0.5 0.4 0.25")
    save_text(tmp_path / "README.roboflow.txt", "words")
    (tmp_path / "odd.txt").write_bytes(b"\xff\xfe")
    save_image(tmp_path / "b.png")
    items, refusals = read_all("yolo", tmp_path, **PLANE)
    assert items == []
    text = reasons(refusals)
    assert len(refusals) == 4
    assert "a.png: the image has no usable box" in text
    assert "lost.txt: there is no image 'lost'" in text
    assert "odd.txt: there is no image 'odd'" in text
    assert "b.png: no usable annotation" in text


@pytest.mark.parametrize(
    ("names", "message"),
    [("names: [HC, CSP", "not valid YAML"), ("names: HC", "must be a list"), ("names: {a: HC}", "must be a list")],
)
def test_unusable_class_names_raise(tmp_path, names, message):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "a.txt", "0 0.5 0.5 0.4 0.25")
    save_text(tmp_path / "data.yaml", names)
    with pytest.raises(FetalFlexError, match=message):
        read_all("yolo", tmp_path, **PLANE)


def test_no_class_names_no_plane_and_no_labels_raise(tmp_path):
    save_image(tmp_path / "a.png")
    with pytest.raises(FetalFlexError, match="option plane"):
        read_all("yolo", tmp_path)
    with pytest.raises(FetalFlexError, match=r"classes\.txt"):
        read_all("yolo", tmp_path, **PLANE)
    save_text(tmp_path / "obj.names", "HC\n")
    with pytest.raises(FetalFlexError, match="no annotation file"):
        read_all("yolo", tmp_path, **PLANE)
