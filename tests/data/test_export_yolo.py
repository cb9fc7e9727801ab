from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml
from export_helpers import SCAN, export_records, files_in

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import PlacedStructure
from fetalflex.anatomy.registry import default_registry
from fetalflex.files import MARKER

NAMES = [structure.name for structure in default_registry().structures]


def numbers(out, path="labels/train/scan.txt"):
    """Return the numbers of each line."""
    return [[float(word) for word in line.split()] for line in (out / path).read_text().splitlines()]


def scan_with(*boxes: Box):
    return replace(SCAN, layout=SCAN.layout.with_structures([PlacedStructure("stomach", box) for box in boxes]))


def test_the_tree_is_the_one_that_trainers_expect(tmp_path):
    records = [SCAN, replace(SCAN, file_name="b.png", split="val"), replace(SCAN, file_name="c.png", split=None)]
    export_records(records, "yolo", tmp_path / "out")
    assert sorted(files_in(tmp_path / "out")) == [
        MARKER,
        "README.md",
        "data.yaml",
        "images/train/scan.png",
        "images/unsplit/c.png",
        "images/val/b.png",
        "labels/train/scan.txt",
        "labels/unsplit/c.txt",
        "labels/val/b.txt",
        "records.jsonl",
    ]
    content = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert content == {"train": "images/train", "val": "images/val", "names": dict(enumerate(NAMES))}


def test_a_line_is_class_centre_and_size(tmp_path):
    export_records([scan_with(Box.from_corners(10.25, 20, 30, 40))], "yolo", tmp_path / "out")
    assert numbers(tmp_path / "out") == [[NAMES.index("stomach"), 0.20125, 0.375, 0.1975, 0.25]]


def test_a_rotated_box_is_set_upright_or_keeps_its_corners(tmp_path):
    record = scan_with(Box(50, 40, 40, 20, 30))
    upright = export_records([record], "yolo", tmp_path / "upright")
    assert "rotated boxes written as the upright box around them: 1" in upright.notes
    x0, y0, x1, y1 = record.layout.structures[0].box.corners()
    assert numbers(tmp_path / "upright")[0][3:] == pytest.approx([(x1 - x0) / 100, (y1 - y0) / 80])
    oriented = export_records([record], "yolo_obb", tmp_path / "oriented")
    assert not any("rotated" in note for note in oriented.notes)
    corners = np.array(numbers(tmp_path / "oriented")[0][1:]).reshape(4, 2) * (100, 80)
    assert corners == pytest.approx(record.layout.structures[0].box.polygon())


@pytest.mark.parametrize("format", ["yolo", "yolo_obb"])
def test_every_line_of_a_file_has_the_same_count_and_fractions_from_0_to_1(tmp_path, format):
    boxes = [
        Box(50, 40, 99.9, 79.9),
        Box(0.1, 40, 30, 20, 40),
        Box(99, 79, 30, 20),
        Box(50, 40, 100, 80),
        Box(3, 3, 6, 6),
    ]
    result = export_records([scan_with(*boxes)], format, tmp_path / "out")
    lines = numbers(tmp_path / "out")
    assert {len(line) for line in lines} == {5 if format == "yolo" else 9}
    assert all(0 <= value <= 1 for line in lines for value in line[1:])
    assert "boxes cut at the border of their image: 1" in result.notes
    assert "rotated boxes that stick out, written as the upright box around what lies inside: 1" in result.notes


def test_an_image_without_boxes_has_an_empty_file(tmp_path):
    export_records([scan_with()], "yolo", tmp_path / "out")
    assert (tmp_path / "out" / "labels" / "train" / "scan.txt").read_text() == ""


@pytest.mark.parametrize(
    ("splits", "missing"),
    [(["train", "val"], None), (["train"], "val"), (["test"], "train and val"), ([None], "train")],
)
def test_splits_that_trainers_would_miss_are_told(tmp_path, splits, missing):
    records = [replace(SCAN, file_name=f"{split}.png", split=split) for split in splits]
    notes = "\n".join(export_records(records, "yolo", tmp_path / "out").notes)
    assert (missing is None) == ("names no folder" not in notes)
    assert missing is None or f"names no folder for {missing}" in notes
