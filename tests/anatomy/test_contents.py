"""What lies in an outline goes along with it."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, Move, PlacedStructure, Resize, Rotate, Scale, default_registry
from fetalflex.anatomy.contents import contents, scaled_along
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


@given(st.floats(0.4, 2), st.floats(0.4, 2), st.floats(-90, 90), st.floats(-90, 90))
def test_sides_change_by_no_less_and_no_more_than_the_factors(fx: float, fy: float, turn: float, angle: float) -> None:
    skull, organ = Box(500, 500, 200, 120, turn), Box(530, 480, 40, 10, angle)
    scaled = scaled_along(organ, skull, fx, fy)
    for factor in (scaled.width / organ.width, scaled.height / organ.height):
        assert min(fx, fy) - 1e-9 <= factor <= max(fx, fy) + 1e-9


@pytest.mark.parametrize(("angle", "sides"), [(20, (52.0, 30.0)), (110, (40.0, 39.0)), (65, (46.4, 34.8))])
def test_what_lies_straight_across_or_aslant_is_scaled_so(angle: float, sides: tuple[float, float]) -> None:
    scaled = scaled_along(Box(100, 100, 40, 30, angle), Box(100, 100, 200, 150, 20), 1.3, 1)
    assert (scaled.width, scaled.height) == pytest.approx(sides, abs=0.05)


@given(st.floats(0.2, 5), st.floats(0.2, 5), st.floats(-90, 89))
def test_the_leader_itself_is_scaled_exactly(fx: float, fy: float, turn: float) -> None:
    skull = Box(500, 500, 200, 120, turn)
    assert scaled_along(skull, skull, fx, fy) == skull.scaled(fx, fy)


@given(st.floats(-0.7, 0.7), st.floats(-0.7, 0.7), st.floats(-90, 89), st.floats(-90, 89), st.floats(1, 400))
def test_inside_is_what_has_its_centre_inside_whatever_its_size_and_angle(
    along: float, across: float, turn: float, angle: float, size: float
) -> None:
    skull = Box(500, 500, 200, 120, turn)
    cx, cy = skull.point(200 * along, 120 * across)
    layout = Layout(
        "thalamic_transverse",
        1000,
        1000,
        (PlacedStructure("cyst", Box(cx, cy, size, size / 2, angle)), PlacedStructure("skull", skull)),
    )
    assume(all(abs(abs(value) - 0.5) > 1e-6 for value in (along, across)))
    assert contents(layout, 1) == ((0,) if abs(along) < 0.5 and abs(across) < 0.5 else ())
