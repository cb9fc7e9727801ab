from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from export_helpers import SCAN, export_records, files_in, read_back

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import PlacedStructure
from fetalflex.files import MARKER


def annotation(out, stem="scan"):
    return ElementTree.parse(out / "Annotations" / f"{stem}.xml").getroot()


def edges(element):
    return [float(element.findtext(f"bndbox/{edge}")) for edge in ("xmin", "ymin", "xmax", "ymax")]


def test_the_tree_is_that_of_pascal_voc(tmp_path):
    records = [SCAN, replace(SCAN, file_name="b.png"), replace(SCAN, file_name="c.png", split=None)]
    export_records(records, "voc", tmp_path / "out")
    files = files_in(tmp_path / "out")
    assert sorted(files) == [
        MARKER,
        *("Annotations/b.xml", "Annotations/c.xml", "Annotations/scan.xml"),
        *("ImageSets/Main/train.txt", "ImageSets/Main/unsplit.txt"),
        *("JPEGImages/b.png", "JPEGImages/c.png", "JPEGImages/scan.png"),
        *("README.md", "records.jsonl"),
    ]
    assert files["ImageSets/Main/train.txt"] == b"scan\nb\n"


def test_an_annotation_has_what_tools_ask_for(tmp_path):
    export_records([SCAN], "voc", tmp_path / "out")
    root = annotation(tmp_path / "out")
    assert (root.tag, root.findtext("folder"), root.findtext("filename")) == ("annotation", "JPEGImages", "scan.png")
    assert [root.findtext(f"size/{key}") for key in ("width", "height", "depth")] == ["100", "80", "1"]
    abdomen, stomach = root.iter("object")
    assert [element.findtext("name") for element in (abdomen, stomach)] == ["abdomen", "stomach"]
    assert [stomach.findtext(key) for key in ("pose", "truncated", "difficult")] == ["Unspecified", "0", "0"]
    assert stomach.findtext("bndbox/xmin") == "10.25"
    assert stomach.findtext("bndbox/xmax") == "30"
    assert stomach.find("robndbox") is None


def test_a_rotated_box_stands_whole_beside_the_upright_one(tmp_path):
    box = Box(90, 40, 40, 20, -30)
    record = replace(SCAN, layout=SCAN.layout.with_structures([PlacedStructure("stomach", box)]))
    assert export_records([record], "voc", tmp_path / "out").notes == ()
    (stomach,) = annotation(tmp_path / "out").iter("object")
    x0, y0, x1, y1 = box.corners()
    assert edges(stomach) == pytest.approx([x0, y0, 100, y1])
    assert x1 > 100
    assert stomach.findtext("truncated") == "1"
    values = [float(stomach.findtext(f"robndbox/{key}")) for key in ("cx", "cy", "w", "h", "angle")]
    assert values == pytest.approx([90, 40, 40, 20, math.radians(150)])
    found, (note,) = read_back(tmp_path / "out", "voc")
    assert found["images/scan.png"][0].layout.structures[0].box.to_dict() == pytest.approx(box.to_dict())
    assert "kept whole" in note.reason


def test_a_box_that_sticks_out_is_cut_and_told(tmp_path):
    box = Box.from_corners(-10, 20, 30, 90)
    record = replace(SCAN, layout=SCAN.layout.with_structures([PlacedStructure("stomach", box)]))
    assert export_records([record], "voc", tmp_path / "out").notes == ("boxes cut at the border of their image: 1",)
    (stomach,) = annotation(tmp_path / "out").iter("object")
    assert edges(stomach) == [0, 20, 30, 80]
    assert stomach.findtext("truncated") == "1"
