"""What holds for every format alike: whose boxes they are, in which unit and turn, and what files may cost."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from annotation_writers import PLANE, WRITERS, formats
from data_helpers import boxes, read_all, reasons, save_bytes_image, save_image, save_json, save_text
from PIL import Image

from fetalflex.errors import FetalFlexError


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
