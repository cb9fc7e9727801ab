"""Whatever value stands wherever in an annotation file: items, refusals or one clear error, and never another."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import pytest
from data_helpers import read_all, save_image, save_json, save_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fetalflex.errors import FetalFlexError

COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80, "plane": "femur", "patient": "1"}],
    "categories": [{"id": 1, "name": "femur"}],
    "annotations": [
        {"image_id": 1, "category_id": 1, "bbox": [10, 20, 60, 40]},
        {"image_id": 1, "category_id": 1, "segmentation": [[10, 20, 70, 20, 70, 60]], "iscrowd": 0},
        {"image_id": 1, "category_id": 1, "segmentation": {"size": [80, 100], "counts": [100, 7900]}},
        {"image_id": 1, "category_id": 1, "ellipse": {"center": [50, 40], "semi_axes": [9, 8], "angle_deg": 3}},
    ],
}
LABELME = {
    "shapes": [
        {"label": "femur", "points": [[1, 2], [30, 40], [5, 60]], "shape_type": "polygon"},
        {"label": "femur", "points": [[1, 2], [30, 40]], "shape_type": "rectangle"},
    ],
    "imagePath": "a.png",
    "imageWidth": 100,
    "imageHeight": 80,
}
XML = {
    "voc": "<annotation><filename>a.png</filename><size><width>100</width><height>80</height></size><object>"
    "<name>femur</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>",
    "labelme": "<annotation><filename>a.png</filename><imagesize><nrows>80</nrows><ncols>100</ncols></imagesize>"
    "<object><name>femur</name><attributes>rotation=3</attributes><polygon><pt><x>1</x><y>2</y></pt><pt><x>30</x><y>2</y></pt>"
    "<pt><x>30</x><y>40</y></pt></polygon></object></annotation>",
    "cvat": '<annotations><image id="0" name="a.png" width="100" height="80"><box label="femur" xtl="1" ytl="2" '
    'xbr="30" ybr="40" rotation="5"/></image><track label="femur"><box frame="0" xtl="1" ytl="2" xbr="3" ybr="4"/>'
    "</track></annotations>",
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**400, -1, 0, 1e308, "", "a.png", "../a.png", "\ud800.png", "x" * 300 + ".png", [], [[]], {}]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.lists(st.one_of(st.integers(), st.text(max_size=2)), max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(content: Any, path: tuple = ()) -> list[tuple]:
    """Return the way to every value in nested lists and dictionaries."""
    children = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [path, *(place for key, child in children for place in places(child, (*path, key)))]


def replaced(content: Any, path: tuple, value: Any) -> Any:
    content = copy.deepcopy(content)
    if not path:
        return value
    parent = content
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return content


def read_or_error(name, source):
    with contextlib.suppress(FetalFlexError):
        read_all(name, source, plane="femur")


@pytest.mark.parametrize(("name", "content"), [("coco", COCO), ("labelme", LABELME)])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_in_json(tmp_path, name, content, data):
    path = data.draw(st.sampled_from(places(content)))
    save_image(tmp_path / "a.png")
    save_json(tmp_path / "a.json", replaced(content, path, data.draw(VALUES)))
    read_or_error(name, tmp_path)


@pytest.mark.parametrize("name", XML)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 400), length=st.integers(0, 12), text=st.text('<>&/"=0123456789.-einfa xml', max_size=10))
def test_any_damage_to_xml(tmp_path, name, start, length, text):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "a.xml", XML[name][:start] + text + XML[name][start + length :])
    read_or_error(name, tmp_path)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text('0123456789.,;-e"\n\t \0\u2028fileabXx', max_size=60))
def test_any_text_as_labels_and_tables(tmp_path, text):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "classes.txt", "femur\n")
    save_text(tmp_path / "a.txt", f"0 {text}")
    save_text(tmp_path / "a.csv", f"file,label,x,y,width,height\na,femur,1,2,{text}")
    read_or_error("yolo", tmp_path)
    read_or_error("table", tmp_path)
