from __future__ import annotations

import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image, save_text

from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
BOX = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>70.5</xmax><ymax>60</ymax></bndbox>"


def voc(objects: str, filename: str = "a.png", size: str = "<width>100</width><height>80</height>") -> str:
    return f"<annotation><filename>{filename}</filename><size>{size}</size>{objects}</annotation>"


def thing(name: str = "HC", box: str = BOX) -> str:
    return f"<object><name>{name}</name>{box}</object>"


def read(root, text, **options):
    save_image(root / "JPEGImages" / "a.png")
    save_text(root / "Annotations" / "a.xml", text)
    return read_all("voc", root, **{**PLANE, **options})


def test_boxes_are_edges_in_pixels(tmp_path):
    (item,), refusals = read(tmp_path, voc(thing()))
    assert refusals == []
    assert item.image_path == tmp_path / "JPEGImages" / "a.png"
    assert item.layout.structures[0].box.corners() == (10, 20, 70.5, 60)


def test_an_attribute_turns_the_box(tmp_path):
    attributes = "<attributes><attribute><name>rotation</name><value>350</value></attribute></attributes>"
    (item,), _ = read(tmp_path, voc(thing(box=BOX + attributes)))
    assert boxes(item) == [("skull", 40.25, 40, 60.5, 40, -10)]


def test_a_rotated_box_in_radians_goes_before_the_upright_one(tmp_path):
    rotated = "<robndbox><cx>50</cx><cy>40</cy><w>30</w><h>20</h><angle>2.356194490192345</angle></robndbox>"
    (item,), refusals = read(tmp_path, voc(thing(box=BOX + rotated) + thing("CSP", rotated)))
    assert refusals == []
    assert boxes(item) == [("skull", 50, 40, 30, 20, -45), ("cavum_septi_pellucidi", 50, 40, 30, 20, -45)]


def test_without_file_name_and_size_the_annotation_names_the_image(tmp_path):
    (item,), _ = read(tmp_path, voc(thing(), filename="", size="<width>0</width><height>0</height>"))
    assert item.image_path.name == "a.png"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (thing("elbow"), "unknown structure"),
        (thing(""), "no name"),
        (thing(box=""), "no bndbox"),
        (thing(box="<bndbox><xmin>1</xmin></bndbox>"), "ymin is missing"),
        (thing(box=BOX.replace("70.5", "NaN")), "xmax must be a number, got 'NaN'"),
        (thing(box=BOX + "<robndbox><cx>5</cx></robndbox>"), "cy is missing"),
        (thing(box=BOX.replace("70.5", "wide")), "xmax must be a number, got 'wide'"),
        (thing(box=BOX.replace("70.5", "10")), "x0 < x1"),
        (thing(box=BOX.replace("10", "500").replace("70.5", "600")), "outside the image"),
    ],
)
def test_a_bad_object_is_refused_alone(tmp_path, bad, reason):
    items, refusals = read(tmp_path, voc(bad + thing("CSP")))
    assert [item.layout.names() for item in items] == [("cavum_septi_pellucidi",)]
    assert [refusal.where for refusal in refusals] == ["Annotations/a.xml object 1"]
    assert reason in refusals[0].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation>", "no valid XML"),
        ("<html/>", "<html>"),
        (voc(thing(), filename="b.png"), "there is no image 'b.png'"),
        (voc(thing(), filename="../../b.png"), "leads out"),
        (voc(thing(), size="<width>90</width><height>80</height>"), "for 90 x 80"),
        (voc(thing(), size="<width>x</width><height>80</height>"), "width must be a number, got 'x'"),
        (voc(""), "no usable box"),
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + voc(thing()), "defines entities"),
    ],
)
def test_a_bad_file_is_refused(tmp_path, text, reason):
    items, refusals = read(tmp_path, text)
    assert items == []
    assert reason in reasons(refusals)
    assert str(tmp_path) not in reasons(refusals)


def test_files_of_another_tool_are_refused_object_by_object():
    items, refusals = read_all("voc", FIXTURES / "head_biometry", plane="ventricular_transverse")
    assert items == []
    assert "the object has no bndbox" in reasons(refusals)


def test_no_annotation_raises(tmp_path):
    save_image(tmp_path / "a.png")
    with pytest.raises(FetalFlexError, match=r"no annotation file that ends in \.xml"):
        read_all("voc", tmp_path, **PLANE)
