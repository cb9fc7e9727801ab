"""What lies in an outline goes along with it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, Move, PlacedStructure, Resize, Rotate, Scale, default_registry
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()
SKULL = PlacedStructure("skull", Box(190, 180, 100, 70, 10))
HEAD = Layout(
    "thalamic_transverse",
    400,
    360,
    (
        PlacedStructure("choroid_plexus", Box(210, 190, 20, 10)),
        SKULL,
        PlacedStructure("choroid_plexus", Box(170, 170, 20, 10, 30)),
        PlacedStructure("cyst", Box(300, 180, 20, 10)),
    ),
)


@pytest.mark.parametrize(
    "edit", [Move("skull", 12, -5), Scale("head", 0.8), Resize("skull", 80, 56), Rotate("skull[0]", 125)]
)
def test_what_lies_inside_follows_and_nothing_else(edit) -> None:
    edited = edit.apply(HEAD, REGISTRY)
    centre = SKULL.box
    for before, after in zip(HEAD.structures[:3], edited.structures[:3], strict=True):
        box = before.box
        if isinstance(edit, Move):
            expected = box.translated(12, -5)
        elif isinstance(edit, Rotate):
            expected = box.rotated_about(centre.cx, centre.cy, 125)
        else:
            expected = box.transformed(0.8, 0.2 * centre.cx, 0.2 * centre.cy)
        assert after.name == before.name
        assert after.box.polygon() == pytest.approx(expected.polygon())
    assert edited.structures[3] == HEAD.structures[3]


@pytest.mark.parametrize(
    ("edit", "box"),
    [
        (Move("skull", 12, -5, alone=True), Box(202, 175, 100, 70, 10)),
        (Scale("skull", 0.8, alone=True), Box(190, 180, 80, 56, 10)),
        (Resize("skull", 80, 50, alone=True), Box(190, 180, 80, 50, 10)),
        (Rotate("skull", 25, alone=True), Box(190, 180, 100, 70, 35)),
    ],
)
def test_an_outline_may_be_changed_alone(edit, box: Box) -> None:
    edited = edit.apply(HEAD, REGISTRY)
    assert edited.structures[1].box.to_dict() == pytest.approx(box.to_dict())
    assert [one for one in edited.structures if one.name != "skull"] == [
        one for one in HEAD.structures if one.name != "skull"
    ]


def test_only_the_outline_of_the_plane_carries() -> None:
    face = Layout("facial_sagittal", 400, 360, (SKULL, PlacedStructure("palate", Box(190, 180, 20, 10))))
    assert Move("skull", 9, 9).apply(face, REGISTRY).structures[1] == face.structures[1]
    organ = Scale("cyst", 3).apply(HEAD, REGISTRY)
    assert [one for one in organ.structures if one.name != "cyst"] == list(HEAD.structures[:3])


def test_of_two_outlines_the_larger_one_carries() -> None:
    two = HEAD.with_structures((*HEAD.structures, PlacedStructure("skull", Box(300, 180, 40, 30))))
    moved = Move("skull[1]", 10, 0).apply(two, REGISTRY)
    assert moved.structures[:4] == two.structures[:4]
    moved = Move("skull", 10, 0).apply(two, REGISTRY)
    assert [one.box.cx for one in moved.structures] == [220, 200, 180, 300, 310]


def test_contents_that_leave_the_image_are_named() -> None:
    wide = Layout(
        "thalamic_transverse",
        100,
        100,
        (PlacedStructure("skull", Box(50, 50, 90, 90)), PlacedStructure("cyst", Box(8, 50, 4, 4))),
    )
    with pytest.raises(FetalFlexError, match="move puts cyst outside the image"):
        Move("skull", -30, 0).apply(wide, REGISTRY)


@given(st.floats(0.4, 2), st.floats(0.4, 2), st.floats(-90, 90), st.floats(-80, 80))
def test_scaling_along_the_sides_keeps_places_and_grows_lines(fx: float, fy: float, turn: float, angle: float) -> None:
    """Against the map of the plane that takes the old outline to the new one."""
    skull, organ = Box(500, 500, 200, 120, turn), Box(530, 480, 40, 10, angle)
    layout = Layout(
        "thalamic_transverse", 1000, 1000, (PlacedStructure("skull", skull), PlacedStructure("cyst", organ))
    )
    edited = Scale("skull", fx, fy).apply(layout, REGISTRY).structures[1].box
    cos, sin = skull.cos_sin()

    def mapped(x: float, y: float) -> tuple[float, float]:
        u, v = fx * (x * cos + y * sin), fy * (y * cos - x * sin)
        return u * cos - v * sin, u * sin + v * cos

    assert (edited.cx - 500, edited.cy - 500) == pytest.approx(mapped(30, -20))
    along = organ.cos_sin()
    assert edited.width == pytest.approx(organ.width * math.hypot(*mapped(*along)))
    assert edited.height == pytest.approx(organ.height * math.hypot(*mapped(-along[1], along[0])))
    assert edited.angle == organ.angle
