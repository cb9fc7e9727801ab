from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import MEASURES, Box, Layout, PlacedStructure, default_registry, measure, measure_all
from fetalflex.anatomy.biometry.measures import Measure, find_measure
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()


def head(*structures: tuple[str, Box], spacing: float | None = 0.2) -> Layout:
    placed = tuple(PlacedStructure(name, box) for name, box in structures)
    return Layout("ventricular_transverse", 800, 600, placed, spacing)


def values(layout: Layout) -> dict[str, float]:
    return {found.measure.name: found.mm for found in measure_all(layout, REGISTRY)}


def test_a_round_head():
    found = values(head(("skull", Box(400, 300, 250, 250))))
    assert found == pytest.approx({"HC": 50 * math.pi, "BPD": 50, "OFD": 50})


def test_sides_and_circumference_in_mm():
    layout = head(("skull", Box(400, 300, 300, 400)), ("lateral_ventricle", Box(400, 300, 60, 35)))
    found = values(layout)
    assert found == pytest.approx({"HC": 221.03, "BPD": 60, "OFD": 80, "LV": 7}, abs=0.01)
    assert measure(layout, "LV", REGISTRY).structure.name == "lateral_ventricle"


def test_an_abdomen(abdomen):
    assert values(abdomen) == pytest.approx({"AC": 193.8}, abs=0.1)


def test_a_face_has_no_head_circumference():
    boxes = {
        "skull": Box(100, 100, 90, 80),
        "nasal_bone": Box(50, 80, 16, 6),
        "nuchal_translucency": Box(150, 90, 8, 60),
    }
    placed = tuple(PlacedStructure(name, box) for name, box in boxes.items())
    layout = Layout("facial_sagittal", 200, 200, placed, 0.2)
    assert values(layout) == pytest.approx({"NB": 3.2, "NT": 1.6})
    with pytest.raises(FetalFlexError, match=r"HC .* on planes whose outline is the skull; the plane facial_sagittal"):
        measure(layout, "HC", REGISTRY)


@given(st.floats(50, 300), st.floats(0.5, 1), st.floats(-90, 90))
def test_a_turned_box_measures_the_same(longer, ratio, angle):
    upright = values(head(("skull", Box(400, 300, longer, longer * ratio))))
    assert values(head(("skull", Box(400, 300, longer, longer * ratio, angle)))) == pytest.approx(upright, rel=1e-12)
    assert values(head(("skull", Box(400, 300, longer * ratio, longer, angle)))) == pytest.approx(upright, rel=1e-12)


@given(st.floats(-90, 90))
def test_the_upright_box_of_a_turned_head_has_nearly_its_circumference(angle):
    turned = Box(400, 300, 200, 150, angle)
    cos, sin = turned.cos_sin()
    bounds = Box(400, 300, math.hypot(200 * cos, 150 * sin), math.hypot(200 * sin, 150 * cos))
    exact, loose = values(head(("skull", turned))), values(head(("skull", bounds)))
    assert 1 - 1e-9 < loose["HC"] / exact["HC"] < 1.0052
    assert 1 - 1e-9 < loose["BPD"] / exact["BPD"] < 1.18


def test_of_several_the_largest_value_counts():
    small, wide = Box(300, 300, 90, 30), Box(500, 300, 50, 40)
    assert values(head(("lateral_ventricle", small), ("lateral_ventricle", wide)))["LV"] == pytest.approx(8)


def test_measures_do_not_depend_on_the_scale_of_the_image():
    layout = head(("skull", Box(400, 300, 300, 220, 20)))
    assert values(layout.rescaled(0.37)) == pytest.approx(values(layout))


@pytest.mark.parametrize("name", ["HC", "hc", "head circumference", "Head-Circumference", "head_circumference"])
def test_names_of_a_measure(name):
    assert find_measure(name) is MEASURES[0]


def test_names_are_unique_and_structures_known():
    assert len({known.name for known in MEASURES}) == len(MEASURES)
    assert all(REGISTRY.structure(known.structure).name == known.structure for known in MEASURES)


def test_errors_name_field_and_remedy():
    layout = head(("skull", Box(400, 300, 300, 220)))
    with pytest.raises(
        FetalFlexError, match=r"HC in mm needs .* pixel_spacing_mm, which is not set; set it to the side"
    ):
        measure(replace(layout, pixel_spacing_mm=None), "HC", REGISTRY)
    with pytest.raises(
        FetalFlexError, match=r"LV .* needs the structure lateral_ventricle; the layout holds skull; add"
    ):
        measure(layout, "LV", REGISTRY)
    with pytest.raises(
        FetalFlexError, match=r"unknown measure 'head circumferense'\. Did you mean head circumference or abdominal"
    ):
        measure(layout, "head circumferense", REGISTRY)
    with pytest.raises(FetalFlexError, match="unknown measure 3"):
        find_measure(3)
    with pytest.raises(FetalFlexError, match="measure X: extent must be one of circumference"):
        Measure("X", "x", "skull", "area")


def test_a_layout_without_measured_structures():
    assert values(head(("thalami", Box(400, 300, 60, 60)))) == {}
    assert measure_all(head(spacing=None), REGISTRY) == ()
