"""COCO files that may be meant in more than one way, or are wrong in one place."""

from __future__ import annotations

import json

import pytest
from annotation_writers import PLANE, coco
from data_helpers import boxes, read_all, reasons, save_image, save_json, save_text

from fetalflex.data.importers.units import form_by_area
from fetalflex.errors import FetalFlexError


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
