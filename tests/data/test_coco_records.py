from __future__ import annotations

import copy
import json

import pytest
from data_helpers import head_layout
from data_strategies import record_lists, same
from hypothesis import given, settings

from fetalflex.anatomy.registry import default_registry
from fetalflex.data.coco_records import coco_from_records, records_from_coco
from fetalflex.data.records import Record
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()
GOOD = coco_from_records([Record("images/a.png", head_layout(), patient="p1", split="val")], REGISTRY)


@settings(max_examples=40, deadline=None)
@given(record_lists())
def test_records_come_back_through_json(records):
    text = json.dumps(coco_from_records(records, REGISTRY), allow_nan=False)
    back = records_from_coco(json.loads(text), REGISTRY, "a.json")
    assert len(back) == len(records)
    assert all(same(one, other) for one, other in zip(records, back, strict=True))


def test_rotated_boxes_have_their_corners_beside_the_upright_box():
    rotated, upright = GOOD["annotations"]
    assert rotated["rotated_box"]["angle"] == 20.0
    assert len(rotated["segmentation"][0]) == 8
    assert "segmentation" not in upright
    assert upright["bbox"] == pytest.approx([30, 32, 10, 8])


def test_scores_of_a_detector_stand_in_each_annotation():
    scores = [0.9, 0.25]
    coco = coco_from_records([Record("a.png", head_layout(), extra={"scores": scores})], REGISTRY)
    assert [entry["score"] for entry in coco["annotations"]] == scores
    [back] = records_from_coco(coco, REGISTRY, "a.json")
    assert back.extra["scores"] == scores
    for other in ([0.9], "0.9", None):  # not one for each box
        coco = coco_from_records([Record("a.png", head_layout(), extra={"scores": other})], REGISTRY)
        assert not any("score" in entry for entry in coco["annotations"])


def test_categories_are_all_structures_in_the_registry_order():
    names = [category["name"] for category in GOOD["categories"]]
    assert names == [structure.name for structure in REGISTRY.structures]


def test_an_ellipse_is_read_as_the_box_that_touches_it():
    coco = copy.deepcopy(GOOD)
    del coco["annotations"][0]["rotated_box"]
    coco["annotations"][0]["ellipse"] = {"center": [50.5, 40], "semi_axes": [30, 20], "angle_deg": -66}
    (record,) = records_from_coco(coco, REGISTRY, "a.json")
    assert record.layout.structures[0].box.to_dict() == {"cx": 50.5, "cy": 40, "width": 60, "height": 40, "angle": -66}


def test_synonyms_of_planes_and_categories_are_understood():
    coco = copy.deepcopy(GOOD)
    coco["categories"][0]["name"] = "HC"
    coco["images"][0]["plane"] = "Thalamic transverse"
    (record,) = records_from_coco(coco, REGISTRY, "a.json")
    assert record.layout.plane == "thalamic_transverse"
    assert record.layout.structures[0].name == "skull"


def broken(key: str, value: object, entries: str) -> dict:
    coco = copy.deepcopy(GOOD)
    coco[entries][0][key] = value
    return coco


@pytest.mark.parametrize(
    ("coco", "message"),
    [
        ([], "one object"),
        ({}, "categories is None"),
        ({**GOOD, "images": [3]}, "list of objects"),
        (broken("id", "1", "images"), r"images\[0\]: id"),
        (broken("file_name", "../a.png", "images"), r"images\[0\]: .*\.\./a\.png"),
        (broken("file_name", None, "images"), "file_name must be a text"),
        (broken("plane", "elbow", "images"), "unknown plane 'elbow'"),
        (broken("width", 10**9, "images"), "width"),
        (broken("width", 3, "images"), "outside the image"),
        (broken("split", "holdout", "images"), "holdout"),
        (broken("quality", 2.5, "images"), "quality"),
        (broken("patient", 7, "images"), "patient must be a text"),
        (broken("pixel_spacing_mm", 0, "images"), "pixel_spacing_mm"),
        (broken("image_id", 99, "annotations"), "image id 99"),
        (broken("category_id", 9999, "annotations"), "no category with the id 9999"),
        (broken("rotated_box", {"cx": 1}, "annotations"), r"annotations\[0\]"),
        (broken("name", "elbow", "categories"), "unknown structure 'elbow'"),
        (broken("id", 2, "categories"), "used twice"),
        ({**GOOD, "images": GOOD["images"] * 2}, "used twice"),
    ],
)
def test_wrong_entries_are_named(coco, message):
    with pytest.raises(FetalFlexError, match=message) as caught:
        records_from_coco(coco, REGISTRY, "a.json")
    assert "a.json" in str(caught.value)


@pytest.mark.parametrize("bbox", [None, [1, 2, 3], [1, 2, 0, 4], [1, 2, float("nan"), 4], ["1", 2, 3, 4]])
def test_wrong_boxes_are_named(bbox):
    coco = copy.deepcopy(GOOD)
    coco["annotations"][1]["bbox"] = bbox
    with pytest.raises(FetalFlexError, match=r"annotations\[1\]"):
        records_from_coco(coco, REGISTRY, "a.json")


def test_two_records_of_one_file_name_are_not_written():
    record = Record("a.png", head_layout())
    with pytest.raises(FetalFlexError, match=r"two images have the file name a\.png"):
        coco_from_records([record, record], REGISTRY)
