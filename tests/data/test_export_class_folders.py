from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from export_helpers import SCAN, export_records, files_in, read_back

from fetalflex.errors import FetalFlexError


def labelled(*labels, split="train"):
    """Return a record for each class label."""
    return [
        replace(SCAN, file_name=f"{number}.png", split=split, extra={"class": label})
        for number, label in enumerate(labels)
    ]


def images_in(out):
    return sorted(name for name in files_in(out) if name.endswith(".png"))


def test_planes_are_the_classes_by_default(tmp_path):
    records = [SCAN, replace(SCAN, file_name="b.png", split=None)]
    export_records(records, "class_folders", tmp_path / "out")
    assert images_in(tmp_path / "out") == ["train/abdominal_transverse/scan.png", "unsplit/abdominal_transverse/b.png"]


def test_a_field_may_name_the_class(tmp_path):
    records = labelled("normal", "double bubble", 3, True, split="val")
    export_records(records, "class_folders", tmp_path / "out", class_field="class")
    assert images_in(tmp_path / "out") == [
        "val/3/2.png",
        "val/double_bubble/1.png",
        "val/normal/0.png",
        "val/true/3.png",
    ]


@pytest.mark.parametrize("label", ["../../up", "/etc", "C:\\x", "a/b", "..", ".hidden", "con", "test", "masks", "名"])
def test_labels_of_every_kind_stay_in_the_folder_and_read_back(tmp_path, label):
    records = [replace(record, split=None) for record in labelled(label)]
    export_records(records, "class_folders", tmp_path / "out", class_field="class")
    (image,) = images_in(tmp_path / "out")
    assert image.startswith("unsplit/")
    assert image.count("/") == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    found, refusals = read_back(tmp_path / "out", "class_folders")
    assert refusals == []
    assert found["0.png"][0] == records[0]


@pytest.mark.parametrize("labels", [("a b", "a_b"), ("Normal", "normal"), ("名", "前"), (True, "True")])
def test_classes_that_would_share_a_folder_are_refused(tmp_path, labels):
    with pytest.raises(FetalFlexError, match=r"1\.png: the classes .* would share the folder"):
        export_records(labelled(*labels), "class_folders", tmp_path / "out", class_field="class")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("label", [None, "", " ", 1.5, ["a"], {"a": 1}])
def test_a_label_that_is_none_is_refused(tmp_path, label):
    with pytest.raises(FetalFlexError, match=r"1\.png: the class field 'class' is .*extra fields are: class"):
        export_records(labelled("normal", label), "class_folders", tmp_path / "out", class_field="class")
    with pytest.raises(FetalFlexError, match="the class field 'grade' is None"):
        export_records(labelled("normal"), "class_folders", tmp_path / "out", class_field="grade")
    assert list(tmp_path.iterdir()) == []


def test_the_table_has_a_row_for_each_box(tmp_path):
    export_records([SCAN], "class_folders", tmp_path / "out")
    with (tmp_path / "out" / "boxes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "file": "train/abdominal_transverse/scan.png",
        "label": "abdomen",
        **{"cx": "50", "cy": "40", "width": "60.5", "height": "50", "angle": "30"},
        "synthetic": "false",
    }
    assert [row["label"] for row in rows] == ["abdomen", "stomach"]
