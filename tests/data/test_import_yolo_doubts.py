"""YOLO labels and lists of classes that may be meant in more than one way."""

from __future__ import annotations

import pytest
from annotation_writers import PLANE
from data_helpers import boxes, read_all, reasons, save_image, save_text

from fetalflex.errors import FetalFlexError

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
