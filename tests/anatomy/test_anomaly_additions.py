from __future__ import annotations

import math

import pytest
from anomaly_layouts import example_layout, normal_layouts
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, Recipe, default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.anatomy.anomalies.additions import PlaceNew
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.anatomy.anomalies.shapes import overlap, touching_distance
from fetalflex.errors import FetalFlexError

SECOND_BUBBLE = PlaceNew(
    structure="duodenum", like="stomach", size="size", aspect="aspect", touching="stomach", towards="right", turn="turn"
)


def scene_of(layout: Layout) -> Scene:
    return Scene(layout, default_registry(), default_library().directions)


def added(layout: Layout, change: PlaceNew, **values: float) -> Layout:
    return Recipe(change.edits(scene_of(layout), values)).apply(layout, default_registry())


@settings(max_examples=25)
@given(normal_layouts(("abdominal_transverse",)), st.floats(0.3, 1), st.floats(0.5, 2), st.floats(-45, 45))
def test_the_second_bubble_touches_the_stomach_on_its_right(layout, size, aspect, turn):
    after = added(layout, SECOND_BUBBLE, size=size, aspect=aspect, turn=turn)
    stomach, bubble = after.find("stomach")[0].box, after.find("duodenum")[0].box
    assert bubble.width / bubble.height == pytest.approx(aspect)
    assert bubble.area == pytest.approx(size**2 * stomach.area)
    x, y = bubble.cx - stomach.cx, bubble.cy - stomach.cy
    distance = math.hypot(x, y)
    assert distance == pytest.approx(touching_distance(stomach, bubble, (x / distance, y / distance)))
    assert overlap(stomach, bubble) == 0
    right = scene_of(layout).direction("right")
    assert (x * right[0] + y * right[1]) / distance == pytest.approx(math.cos(math.radians(turn)))


@settings(max_examples=25)
@given(normal_layouts(("ventricular_transverse",)))
def test_the_opposite_place_is_the_mirror_image(layout):
    change = PlaceNew(
        structure="lateral_ventricle", like="lateral_ventricle", size=0.9, opposite="lateral_ventricle", up_to=2
    )
    after = added(layout, change)
    first, second = (item.box for item in after.find("lateral_ventricle"))
    skull, midline = layout.find("skull")[0].box, scene_of(layout).midline()
    middle = (first.cx + second.cx) / 2 - skull.cx, (first.cy + second.cy) / 2 - skull.cy
    assert middle[0] * midline[1] - middle[1] * midline[0] == pytest.approx(0, abs=1e-6)
    across = (second.cx - first.cx) * midline[0] + (second.cy - first.cy) * midline[1]
    assert across == pytest.approx(0, abs=1e-6)
    assert (second.width, second.height, second.angle) == pytest.approx(
        (0.9 * first.width, 0.9 * first.height, first.angle)
    )
    assert added(after, change) == after


def test_the_centre_of_the_first_that_is_there():
    layout = example_layout("thalamic_transverse")
    change = PlaceNew(structure="third_ventricle", like="skull", size=0.1, aspect=4, centre_of=("thalami", "skull"))
    thalami = layout.find("thalami")[0].box
    new = added(layout, change).find("third_ventricle")[0].box
    assert (new.cx, new.cy, new.width / new.height) == pytest.approx((thalami.cx, thalami.cy, 4))
    bare = layout.with_structures(item for item in layout.structures if item.name == "skull")
    new, skull = added(bare, change).find("third_ventricle")[0].box, bare.structures[0].box
    assert (new.cx, new.cy) == (skull.cx, skull.cy)


@pytest.mark.parametrize(("angle", "expected"), [(0, (40, 10, 0)), (90, (10, 40, 0)), (30, (40, 10, 30))])
def test_the_width_follows_a_direction(angle, expected):
    skull = Box(100, 100, 80, 50, 0).rotated(angle)
    front = Box(130, 100, 8, 4).rotated_about(100, 100, angle)
    structures = (PlacedStructure("skull", skull), PlacedStructure("cavum_septi_pellucidi", front))
    layout = Layout("thalamic_transverse", 200, 200, structures)
    size = math.sqrt(400 / skull.area)
    change = PlaceNew(
        structure="third_ventricle", like="skull", size=size, aspect=4, along="anterior", centre_of=("skull",)
    )
    new = added(layout, change).find("third_ventricle")[0].box
    assert (new.width, new.height, new.angle) == pytest.approx(expected)


def test_what_is_optional_is_left_out_where_its_relation_is_missing():
    layout = example_layout("thalamic_transverse")
    change = PlaceNew(structure="cyst", like="stomach", size=1, centre_of=("skull",), optional=True)
    assert added(layout, change) == layout
    assert change.needs() == ()
    assert SECOND_BUBBLE.needs() == ("stomach", "stomach")
    assert SECOND_BUBBLE.mentions() == ("duodenum", "stomach")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "needs one of touching, opposite and centre_of"),
        ({"opposite": "stomach", "centre_of": ("abdomen",)}, "needs one of touching, opposite and centre_of"),
        ({"touching": "stomach"}, "touching and towards go together"),
        ({"opposite": "stomach", "towards": "left"}, "touching and towards go together"),
        ({"touching": "stomach", "towards": "up"}, "towards must be one of anterior"),
        ({"opposite": "stomach", "along": "up"}, "along must be one of anterior"),
        ({"opposite": "stomach", "up_to": 0}, "up_to must be a whole number from 1"),
    ],
)
def test_contradictions_are_refused(fields, message):
    with pytest.raises(FetalFlexError, match=message):
        PlaceNew(structure="cyst", like="stomach", size=1, **fields)
