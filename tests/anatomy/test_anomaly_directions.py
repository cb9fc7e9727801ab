from __future__ import annotations

import pytest
from anomaly_layouts import example_layout, normal_layouts
from hypothesis import given, settings

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.anatomy.anomalies.directions import Axis, Directions, PlaneDirections
from fetalflex.errors import FetalFlexError


@pytest.fixture
def directions() -> Directions:
    return default_library().directions


def without(layout: Layout, *names: str) -> Layout:
    return layout.with_structures(item for item in layout.structures if item.name not in names)


def test_directions_of_an_abdomen_are_the_fetus_own(directions, registry):
    abdomen = example_layout("abdominal_transverse")  # spine on the right of the image, stomach below
    anterior, left = (directions.find(name, abdomen, registry) for name in ("anterior", "left"))
    assert anterior == pytest.approx((-1, -0.05), abs=0.02)
    assert left == pytest.approx((-0.05, 1), abs=0.02)
    assert directions.find("right", abdomen, registry) == (-left[0], -left[1])
    mirrored = abdomen.mirrored_horizontally()
    assert directions.find("anterior", mirrored, registry) == pytest.approx((-anterior[0], anterior[1]))
    assert directions.find("image_right", mirrored, registry) == (1, 0)


def test_the_second_pair_of_landmarks_helps_out(directions, registry):
    abdomen = without(example_layout("abdominal_transverse"), "spine")
    assert directions.find("anterior", abdomen, registry)[0] < -0.9
    with pytest.raises(FetalFlexError, match="spine and abdomen or abdomen and umbilical_vein, at two places"):
        directions.find("posterior", without(abdomen, "umbilical_vein"), registry)


def test_a_face_looks_away_from_the_neck_whatever_of_it_is_marked(directions, registry):
    face = example_layout("facial_sagittal")
    nose, palate = ("nasal_bone", "nasal_tip", "nasal_skin"), ("palate",)
    for hidden in ((), nose, palate, nose + palate, (*nose, *palate, "cisterna_magna")):
        assert directions.find("anterior", without(face, *hidden), registry)[1] < -0.8


def test_left_needs_no_front(directions, registry):
    abdomen = without(example_layout("abdominal_transverse"), "spine", "umbilical_vein")
    assert directions.find("left", abdomen, registry)[1] > 0.9


@settings(max_examples=25)
@given(normal_layouts(("ventricular_transverse", "thalamic_transverse")))
def test_the_front_of_a_head_runs_along_its_box_towards_the_cavum(layout):
    registry, directions = default_registry(), default_library().directions
    skull, cavum = layout.find("skull")[0].box, layout.find("cavum_septi_pellucidi")[0].box
    anterior = directions.find("anterior", layout, registry)
    cos, sin = skull.cos_sin()
    along = anterior[0] * cos + anterior[1] * sin
    assert abs(along) == pytest.approx(1)
    assert (cavum.cx - skull.cx) * anterior[0] + (cavum.cy - skull.cy) * anterior[1] > 0
    assert directions.midline(layout, registry) == anterior


def test_a_head_without_landmarks_has_a_midline_and_no_front(directions, registry):
    head = Layout("thalamic_transverse", 100, 100, (PlacedStructure("skull", Box(50, 50, 40, 60, 10)),))
    x, y = directions.midline(head, registry)
    assert (abs(x), abs(y)) == pytest.approx((0.1736, 0.9848), abs=1e-3)
    with pytest.raises(FetalFlexError, match="which way is anterior cannot be told"):
        directions.find("anterior", head, registry)


def test_what_has_no_meaning_is_refused_with_what_has(directions, registry):
    with pytest.raises(FetalFlexError, match=r"left.* no meaning on the plane thalamic_transverse; known are anterior"):
        directions.find("left", example_layout("thalamic_transverse"), registry)
    with pytest.raises(FetalFlexError, match="Did you mean anterior"):
        directions.find("anterio", example_layout("thalamic_transverse"), registry)
    assert directions.midline(example_layout("facial_sagittal"), registry) is not None
    assert Directions().midline(example_layout("facial_sagittal"), registry) is None


def test_wrong_axes_are_refused():
    with pytest.raises(FetalFlexError, match="'up' is not anatomical; known are anterior"):
        Axis("up", (("spine", "abdomen"),))
    with pytest.raises(FetalFlexError, match="at least one pair"):
        Axis("left", ())
    axis = Axis("left", (("spine", "abdomen"),))
    with pytest.raises(FetalFlexError, match="must be one or two, got 0"):
        PlaneDirections("thorax", ())
    with pytest.raises(FetalFlexError, match="left and right lie on one line"):
        PlaneDirections("thorax", (axis, Axis("right", axis.landmarks)))
