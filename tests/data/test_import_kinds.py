"""What holds for every format alike: whose label it is, what a key and a number mean, and what files may cost."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from data_helpers import boxes, read_all, reasons, save_bytes_image, save_image, save_json, save_text
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.numbers import Keys, decimal_of, flag, whole
from fetalflex.data.importers.run_lengths import box_of_rle
from fetalflex.data.importers.units import form_by_area, polygon_box
from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
XY = "<xmin>{0}</xmin><ymin>{1}</ymin><xmax>{2}</xmax><ymax>{3}</ymax>"


def coco(root: Path, name: str, corners, size=(100, 80)) -> None:
    path = root / "ann.json"
    content = json.loads(path.read_text()) if path.exists() else {"images": [], "annotations": [], "categories": []}
    x0, y0, x1, y1 = corners
    number = len(content["images"]) + 1
    content["images"].append({"id": number, "file_name": name, "width": size[0], "height": size[1]})
    content["categories"] = [{"id": 1, "name": "HC"}]
    content["annotations"].append({"image_id": number, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]})
    save_json(path, content)


def voc(root: Path, name: str, corners, size=(100, 80)) -> None:
    thing = f"<object><name>HC</name><bndbox>{XY.format(*corners)}</bndbox></object>"
    width, height = size
    sized = f"<size><width>{width}</width><height>{height}</height></size>"
    save_text(_label(root, name, ".xml"), f"<annotation><filename>{name}</filename>{sized}{thing}</annotation>")


def labelme(root: Path, name: str, corners, size=(100, 80)) -> None:
    x0, y0, x1, y1 = corners
    shape = {"label": "HC", "points": [[x0, y0], [x1, y1]], "shape_type": "rectangle"}
    content = {"shapes": [shape], "imagePath": name, "imageWidth": size[0], "imageHeight": size[1]}
    save_json(_label(root, name, ".json"), content)


def cvat(root: Path, name: str, corners, size=(100, 80)) -> None:
    path = root / "a.xml"
    before = path.read_text().removesuffix("</annotations>") if path.exists() else "<annotations>"
    x0, y0, x1, y1 = corners
    box = f'<box label="HC" xtl="{x0}" ytl="{y0}" xbr="{x1}" ybr="{y1}"/>'
    save_text(path, f'{before}<image name="{name}" width="{size[0]}" height="{size[1]}">{box}</image></annotations>')


def table(root: Path, name: str, corners, size=(100, 80)) -> None:
    path = root / "boxes.csv"
    before = path.read_text() if path.exists() else "file,label,x0,y0,x1,y1\n"
    save_text(path, f"{before}{name},HC,{','.join(map(str, corners))}\n")


def _label(root: Path, name: str, ending: str) -> Path:
    bare = name.replace("\\", "/").replace(":", "").strip("/.")
    return root / "labels" / f"{bare.rpartition('.')[0].replace('/', '_')}{ending}"


WRITERS = {"coco": coco, "voc": voc, "labelme": labelme, "cvat": cvat, "table": table}
formats = pytest.mark.parametrize("name", WRITERS)


@formats
def test_a_missing_image_gets_no_boxes_of_another_folder(tmp_path, name):
    save_image(tmp_path / "patient2" / "1.png")
    for patient, corners in ((1, (10, 20, 40, 60)), (2, (50, 30, 90, 70))):
        WRITERS[name](tmp_path, f"patient{patient}/1.png", corners)
    (item,), refusals = read_all(name, tmp_path, **PLANE)
    assert boxes(item) == [("skull", 70, 50, 40, 40, 0)]
    assert "there is no image 'patient1/1.png'" in reasons(refusals)


@formats
def test_without_the_image_nothing_takes_its_boxes(tmp_path, name):
    save_image(tmp_path / "patient2" / "1.png")
    WRITERS[name](tmp_path, "patient1/1.png", (10, 20, 40, 60))
    items, _ = read_all(name, tmp_path, **PLANE)
    assert items == []


@formats
@pytest.mark.parametrize("reference", ["C:\\scans\\head.png", "/data/upload/4/head.png", "https://host/u/head.png"])
def test_a_path_of_another_machine_is_noted(tmp_path, name, reference):
    save_image(tmp_path / "images" / "head.png")
    WRITERS[name](tmp_path, reference, (10, 20, 40, 60))
    (item,), (note,) = read_all(name, tmp_path, **PLANE)
    assert item.image_path.name == "head.png"
    assert note.kind == "noted"
    assert repr(reference) in note.reason


@formats
def test_fractions_are_asked_for_and_read(tmp_path, name):
    save_image(tmp_path / "a.png")
    WRITERS[name](tmp_path, "a.png", (0.1, 0.25, 0.7, 0.75))
    items, refusals = read_all(name, tmp_path, **PLANE)
    assert items == []
    assert "--box-unit" in reasons(refusals)
    (item,), _ = read_all(name, tmp_path, box_unit="fractions", **PLANE)
    assert boxes(item) == [("skull", 40, 40, 60, 40, 0)]


@formats
def test_per_cent_on_request(tmp_path, name):
    save_image(tmp_path / "a.png", 200, 160)
    WRITERS[name](tmp_path, "a.png", (10, 25, 70, 75), (200, 160))
    (item,), _ = read_all(name, tmp_path, box_unit="percent", **PLANE)
    assert boxes(item) == [("skull", 80, 80, 120, 80, 0)]


@formats
def test_a_turned_picture_is_asked_about(tmp_path, name):
    exif = Image.Exif()
    exif[0x0112] = 6
    save_bytes_image(tmp_path / "a.jpg", 100, 80, exif=exif)
    WRITERS[name](tmp_path, "a.jpg", (10, 20, 40, 60))
    items, refusals = read_all(name, tmp_path, **PLANE)
    assert items == []
    assert "EXIF turns the picture: stored are 100 x 80 pixels, shown 80 x 100" in reasons(refusals)
    for choice, size in (("ignore", (100, 80)), ("apply", (80, 100))):
        (item,), _ = read_all(name, tmp_path, exif=choice, **PLANE)
        assert (item.layout.width, item.layout.height, item.as_stored) == (*size, choice == "ignore")


@formats
def test_an_image_annotated_twice_is_no_ones(tmp_path, name):
    save_image(tmp_path / "a.png")
    WRITERS[name](tmp_path, "a.png", (10, 20, 40, 60))
    WRITERS[name](tmp_path, "./a.png", (50, 30, 90, 70))
    items, refusals = read_all(name, tmp_path, **PLANE)
    if name == "table":  # rows of one file come together
        assert len(items[0].layout.structures) == 2
    elif name in ("voc", "labelme"):  # the second file has replaced the first
        assert len(items) == 1
    else:
        assert items == []
        assert "annotated twice" in reasons(refusals)


@formats
def test_more_boxes_than_an_image_may_have_are_refused(tmp_path, name):
    save_image(tmp_path / "a.png")
    if name in ("coco", "table"):
        WRITERS[name](tmp_path, "a.png", (10, 20, 40, 60))
        path = tmp_path / ("ann.json" if name == "coco" else "boxes.csv")
        if name == "coco":
            content = json.loads(path.read_text())
            content["annotations"] = [
                {"image_id": 1, "category_id": 1, "bbox": [1, 1, 5 + n / 100, 9]} for n in range(1002)
            ]
            save_json(path, content)
        else:
            save_text(path, path.read_text() + "".join(f"a.png,HC,1,1,{5 + n / 100},9\n" for n in range(1001)))
        items, refusals = read_all(name, tmp_path, **PLANE)
        assert items == []
        assert "more than 1,000 boxes" in reasons(refusals)


@pytest.mark.parametrize("ids", [(1, 1.0), ("1", "1"), (1, "1")])
def test_coco_ids_are_compared_as_they_are_meant(tmp_path, ids):
    save_image(tmp_path / "a.png")
    image_id, reference = ids
    annotation = {"image_id": reference, "category_id": reference, "bbox": [10, 20, 30, 40]}
    save_json(
        tmp_path / "a.json",
        {
            "images": [{"id": image_id, "file_name": "a.png"}],
            "categories": [{"id": image_id, "name": "HC"}],
            "annotations": [annotation],
        },
    )
    items, refusals = read_all("coco", tmp_path, **PLANE)
    assert (len(items), refusals) == (1, [])


@pytest.mark.parametrize("doubled", ["images", "categories"])
def test_a_coco_id_with_two_meanings_has_none(tmp_path, doubled):
    for name in "ab":
        save_image(tmp_path / f"{name}.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "HC"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}],
    }
    content[doubled].append({"id": 1, "file_name": "b.png", "name": "CSP"})
    save_json(tmp_path / "a.json", content)
    items, refusals = read_all("coco", tmp_path, **PLANE)
    assert items == []
    assert "1 means two things" in reasons(refusals)


def test_corners_are_told_by_the_areas_and_asked_for_without(tmp_path):
    save_image(tmp_path / "a.png")
    coco(tmp_path, "a.png", (0, 0, 1, 1))
    content = json.loads((tmp_path / "ann.json").read_text())
    annotation = {"image_id": 1, "category_id": 1, "bbox": [50, 40, 90, 70], "area": 1200}
    save_json(tmp_path / "ann.json", content | {"annotations": [annotation]})
    (item,), (note,) = read_all("coco", tmp_path, **PLANE)
    assert boxes(item) == [("skull", 70, 55, 40, 30, 0)]
    assert note.kind == "noted"
    del annotation["area"]
    save_json(tmp_path / "ann.json", content | {"annotations": [annotation]})
    items, refusals = read_all("coco", tmp_path, **PLANE)
    assert items == []
    assert "--box-form corners or --box-form size" in reasons(refusals)


def test_areas_of_masks_tell_nothing():
    assert form_by_area([([10, 10, 40, 40], 900), ([1, 1, 5, 5], 7)]) is None
    with pytest.raises(FetalFlexError, match="1 boxes are two corners and 1 are corner and size"):
        form_by_area([([10, 10, 40, 40], 900), ([1, 1, 5, 5], 25)])


@pytest.mark.parametrize(
    ("numbers", "meta", "options", "first"),
    [
        ((0, 1, 2), "<size>3</size>", {}, 0),
        ((1, 2, 3), "<size>3</size>", {}, 1),
        ((1, 2, 3), "", {}, 1),
        ((1, 2), "<size>9</size>", {}, None),
        ((5, 6, 7), "<size>3</size>", {}, None),
        ((5, 6, 7), "<size>3</size>", {"first_frame": 5}, 5),
    ],
)
def test_video_frames_find_their_images(tmp_path, numbers, meta, options, first):
    for number in numbers:
        save_image(tmp_path / "images" / f"frame_{number:04}.png")
    shapes = "".join(f'<box frame="{n}" xtl="{n}" ytl="2" xbr="40" ybr="30"/>' for n in range(3))
    text = f'<annotations><meta><task>{meta}</task></meta><track label="HC">{shapes}</track></annotations>'
    save_text(tmp_path / "a.xml", text)
    items, refusals = read_all("cvat", tmp_path, **PLANE, **options)
    if first is None:
        assert items == []
        assert "--first-frame" in reasons(refusals)
    else:
        found = {int(item.image_path.stem[-4:]): item.layout.structures[0].box.corners()[0] for item in items}
        assert found == {number: number - first for number in numbers}


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), (1.0, True), ("false", False), (None, False)]
)
def test_flags(value, expected):
    assert flag(value, "x") is expected


@pytest.mark.parametrize("value", ["maybe", 2, [], float("nan")])
def test_other_flags_are_refused(value):
    with pytest.raises(FetalFlexError, match="true or false"):
        flag(value, "iscrowd")


def test_whole_numbers_and_the_decimal_mark():
    assert [whole(value, "x") for value in ("1.000000", 3.0, "07")] == [1, 3, 7]
    assert decimal_of(["1", "2,5"]) == "comma"
    assert decimal_of(["1,024", 3]) is None
    with pytest.raises(FetalFlexError, match="use one of them"):
        decimal_of(["1.5", "2,5"])


def test_keys_with_two_meanings_have_none():
    keys = Keys("class")
    keys.add(1, "a", "line 1")
    keys.add(1, "a", "line 2")
    assert keys.get("1") == "a"
    keys.add(1, "b", "line 3")
    with pytest.raises(FetalFlexError, match="line 1 and by line 3"):
        keys.get(1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.data())
def test_boxes_of_runs_are_those_of_their_masks(width, height, data):
    from fetalflex.data.importers.mask_boxes import box_of_mask
    from fetalflex.data.importers.run_lengths import mask_from_rle

    cuts = sorted(data.draw(st.lists(st.integers(0, width * height), max_size=6)))
    counts = np.diff([0, *cuts, width * height]).tolist()
    rle = {"size": [height, width], "counts": counts}
    mask = mask_from_rle(rle, width, height)
    for rotated in (False, True):
        if mask.any():
            assert box_of_rle(rle, width, height, rotated) == box_of_mask(mask, rotated)


@settings(max_examples=20, deadline=None)
@given(st.floats(5, 60), st.floats(5, 60), st.floats(-44, 44), st.integers(401, 900))
def test_polygons_of_many_corners_get_the_smallest_rectangle(a, b, degrees, count):
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    turn = np.radians(degrees)
    x, y = a * np.cos(angles), b * np.sin(angles)
    points = np.stack([50 + x * np.cos(turn) - y * np.sin(turn), 40 + x * np.sin(turn) + y * np.cos(turn)], axis=1)
    expected = Box.from_polygon(points, rotated=True)
    assert polygon_box(points, rotated=True).area == pytest.approx(expected.area, rel=1e-6)


@pytest.mark.parametrize("points", [[[0, 0], [1e200, 0], [0, 1e200]], np.zeros((100_001, 2))])
def test_absurd_polygons_are_refused(points):
    with pytest.raises(FetalFlexError):
        polygon_box(points, rotated=True)


YAML = {
    "aliases": "a: &a [x, x]\nnames: {0: *a}",
    "a key twice": "names: {0: HC, 0: CSP}",
    "no text": "names: {0: [HC]}",
    "yes": "names: [yes, no]",
    "spellings": "names: {0: HC, '0': CSP}",
}


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_class_names_in_doubt_are_refused(tmp_path, text):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "a.txt", "0 0.5 0.5 0.4 0.3")
    save_text(tmp_path / "data.yaml", text)
    with pytest.raises(FetalFlexError, match=r"data\.yaml"):
        read_all("yolo", tmp_path, **PLANE)


def test_two_lists_of_classes_that_differ_are_refused(tmp_path):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "a.txt", "0 0.5 0.5 0.4 0.3")
    for folder, names in (("x", "names: [HC]"), ("y", "names: [CSP]")):
        save_text(tmp_path / folder / "data.yaml", names)
    with pytest.raises(FetalFlexError, match="say different things of the classes"):
        read_all("yolo", tmp_path, **PLANE)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("0,0.5,0.5,0.6,0.6", "divided by ','"),
        ("0; 0.5; 0.5; 0.6; 0.6", "divided by ';'"),
        ("0 50 50 60 60", "--box-unit"),
        ("0 0.7 0.7 0.9 0.9", "--box-form corners"),
    ],
)
def test_yolo_lines_of_another_kind_say_so(tmp_path, line, reason):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "classes.txt", "HC\n")
    save_text(tmp_path / "a.txt", line)
    items, refusals = read_all("yolo", tmp_path, **PLANE)
    assert items == []
    assert reason in reasons(refusals)


def test_yolo_poses_and_decimal_commas(tmp_path):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "data.yaml", "names: [HC]\nkpt_shape: [1, 2]")
    save_text(tmp_path / "a.txt", "0.0 0,5 0,5 0,6 0,6 0,52 0,48")
    (item,), _ = read_all("yolo", tmp_path, **PLANE)
    assert boxes(item) == [("skull", 50, 40, 60, 48, 0)]


@pytest.mark.parametrize(
    "data",
    [
        b"file;label;x;y;width;height\na.png;HC;10,0;20;30,5;40\n",
        b"sep=;\nfile;label;x;y;width;height\na.png;HC;10;20;30,5;40\n",
        "file\tlabel\tx\ty\twidth\theight\na.png\tHC\t10\t20\t30.5\t40\n".encode("utf-16"),
    ],
)
def test_tables_of_european_spreadsheets(tmp_path, data):
    save_image(tmp_path / "a.png")
    (tmp_path / "a.csv").write_bytes(data)
    (item,), refusals = read_all("table", tmp_path, **PLANE)
    assert refusals == []
    assert boxes(item) == [("skull", 25.25, 40, 30.5, 40, 0)]


@pytest.mark.parametrize("annotations", [None, "scans"])
def test_masks_beside_their_images_come_together(tmp_path, annotations):
    save_image(tmp_path / "scans" / "h (1).png")
    for ending, columns in (("", slice(10, 30)), ("_1", slice(60, 80))):
        mask = np.zeros((80, 100), np.uint8)
        mask[20:40, columns] = 255
        Image.fromarray(mask).save(tmp_path / "scans" / f"h (1)_mask{ending}.png")
    (item,), refusals = read_all("masks", tmp_path, annotations=annotations, label_map={"255": "skull"}, **PLANE)
    assert refusals == []
    assert sorted(box[1] for box in boxes(item)) == [20, 70]


@pytest.mark.parametrize("extra", [{"x": 1e400}, {"x": "\ud800"}, {"patient": "\ud800"}, {"quality": 1001}])
def test_a_field_that_cannot_be_written_is_that_images_own_fault(tmp_path, extra):
    for name in "ab":
        save_image(tmp_path / f"{name}.png")
        coco(tmp_path, f"{name}.png", (10, 20, 40, 60))
    content = json.loads((tmp_path / "ann.json").read_text())
    content["images"][0] |= extra
    save_json(tmp_path / "ann.json", content)
    (item,), _ = read_all("coco", tmp_path, **PLANE)
    assert item.image_path.name == "b.png"


def test_a_bad_number_costs_its_annotation_only(tmp_path):
    save_image(tmp_path / "a.png")
    coco(tmp_path, "a.png", (10, 20, 40, 60))
    content = json.loads((tmp_path / "ann.json").read_text())
    one = content["annotations"][0]
    bad = [one | {"bbox": [1, 2, float("nan"), 4]}, one | {"bbox": [1, 2, 10**500, 4]}]
    zero = one | {"bbox": [0, 0, 0, 0], "segmentation": [[50, 30, 90, 30, 90, 70]]}
    text = json.dumps(content | {"annotations": [*bad, zero, one]})
    save_text(tmp_path / "ann.json", text)
    (item,), refusals = read_all("coco", tmp_path, **PLANE)
    assert [refusal.where for refusal in refusals] == ["ann.json annotations[0]", "ann.json annotations[1]"]
    assert [box[1] for box in boxes(item)] == [70, 25]


BOMBS = {
    "tags": ("voc", "a.xml", b"<annotation>" + b"<a/>" * 2_000_001 + b"</annotation>"),
    "objects": ("coco", "a.json", b"[" + b"{}," * 2_000_001 + b"{}]"),
    "columns": ("table", "a.csv", b"file,label,x,y,width,height\n" + b"," * 300 + b"1"),
}


@pytest.mark.parametrize(("name", "file", "content"), BOMBS.values(), ids=BOMBS)
def test_what_is_too_much_is_refused_before_it_costs(tmp_path, name, file, content):
    save_image(tmp_path / "a.png")
    (tmp_path / file).write_bytes(content)
    tracemalloc.start()
    try:
        _, refusals = read_all(name, tmp_path, **PLANE)
    except FetalFlexError as error:
        refusals = [error]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60_000_000
    assert "at most" in str(refusals)


def test_the_subset_in_a_coco_files_name_is_a_folder_if_there_is_one(tmp_path):
    for split in ("Train", "Test"):
        save_image(tmp_path / "images" / split / "1.png")
        coco(tmp_path, "1.png", (10, 20, 40, 60) if split == "Train" else (50, 30, 90, 70))
        save_json(tmp_path / "annotations" / f"instances_{split}.json", json.loads((tmp_path / "ann.json").read_text()))
        (tmp_path / "ann.json").unlink()
    items, refusals = read_all("coco", tmp_path, **PLANE)
    assert refusals == []
    assert {(item.split, boxes(item)[0][1]) for item in items} == {("train", 25), ("test", 70)}


def test_other_words_in_a_coco_files_name_do_not_matter(tmp_path):
    save_image(tmp_path / "scans" / "1.png")
    coco(tmp_path, "1.png", (10, 20, 40, 60))
    (tmp_path / "ann.json").rename(tmp_path / "labels_my-project_2024.json")
    (item,), _ = read_all("coco", tmp_path, **PLANE)
    assert item.image_path.name == "1.png"
