from __future__ import annotations

import math

import pytest
from anomaly_layouts import example_layout, normal_layouts
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, Recipe, Remove, Scale, default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.anatomy.anomalies.changes import Change, ChangeSize, Displace, Reflect, Split, TakeAway, resolved
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.errors import FetalFlexError

HEADS = ("ventricular_transverse", "thalamic_transverse")


def scene_of(layout: Layout) -> Scene:
    return Scene(layout, default_registry(), default_library().directions)


def changed(layout: Layout, change: Change, **values: float) -> Layout:
    edits = change.edits(scene_of(layout), values)
    return Recipe(edits).apply(layout, default_registry())


def test_an_amount_is_a_number_or_a_drawn_value():
    assert resolved(1.5, {}) == 1.5
    assert resolved("width", {"width": 2.0}) == 2.0


@settings(max_examples=25)
@given(normal_layouts(HEADS), st.floats(0.5, 2.5), st.floats(0, 1))
def test_a_side_across_the_midline_is_meant_however_the_head_lies(layout, factor, follow):
    before = layout.find("lateral_ventricle")[0].box
    change = ChangeSize(structure="lateral_ventricle", factor=factor, side="across", follow=follow)
    after = changed(layout, change).find("lateral_ventricle")[0].box
    assert after.height == pytest.approx(factor * before.height)
    assert after.width == pytest.approx(factor**follow * before.width)
    assert (after.cx, after.cy, after.angle) == (before.cx, before.cy, before.angle)


def test_both_sides_the_short_and_the_long_one():
    layout = example_layout("facial_sagittal")
    before = layout.find("nasal_bone")[0].box
    for side, expected in {"both": (2, 2), "long": (2, 1), "short": (1, 2)}.items():
        after = changed(layout, ChangeSize(structure="nasal_bone", factor=2, side=side)).find("nasal_bone")[0].box
        assert (after.width / before.width, after.height / before.height) == pytest.approx(expected)


def test_an_edge_is_kept():
    layout = example_layout("facial_sagittal")
    change = ChangeSize(structure="nuchal_translucency", factor=2, side="short", keep="anterior")
    before, after = (entry.find("nuchal_translucency")[0].box for entry in (layout, changed(layout, change)))
    assert after.corners()[:3] == pytest.approx(before.corners()[:3])  # the face looks up, so the upper edge
    assert after.height == pytest.approx(2 * before.height)
    change = ChangeSize(structure="lips", factor=0.5, side="facing", keep="caudal")
    before, after = (entry.find("lips")[0].box for entry in (layout, changed(layout, change)))
    assert after.corners()[2] == pytest.approx(before.corners()[2])  # caudal is on the right of the image
    assert after.width == pytest.approx(before.width / 2)


@settings(max_examples=25)
@given(normal_layouts(HEADS, spacing=True), st.floats(10, 20))
def test_millimetres_count_where_the_spacing_is_known(layout, mm):
    change = ChangeSize(structure="lateral_ventricle", factor=1.2, mm="width", side="across")
    after = changed(layout, change, width=mm).find("lateral_ventricle")[0].box
    assert after.height * layout.pixel_spacing_mm == pytest.approx(mm)


def test_millimetres_must_go_the_same_way_as_the_factor():
    layout = example_layout("ventricular_transverse", pixel_spacing_mm=0.5)  # the ventricle is 12.15 mm wide
    change = ChangeSize(structure="lateral_ventricle", factor=1.2, mm=11, side="across")
    with pytest.raises(FetalFlexError, match=r"lateral_ventricle measures 12\.2 mm, which 11\.0 mm does not enlarge"):
        changed(layout, change)


@settings(max_examples=25)
@given(normal_layouts(HEADS), st.floats(0.6, 1.3))
def test_the_outline_takes_what_lies_in_it_along(layout, factor):
    after = changed(layout, ChangeSize(structure="skull", factor=factor))
    centre = layout.find("skull")[0].box
    for old, new in zip(layout.structures, after.structures, strict=True):
        expected = old.box.transformed(factor, (1 - factor) * centre.cx, (1 - factor) * centre.cy)
        assert tuple(new.box.to_dict().values()) == pytest.approx(tuple(expected.to_dict().values()), abs=1e-6)


def test_an_outline_that_gets_longer_keeps_shares_along_its_own_sides():
    skull, ventricle = Box(100, 100, 80, 60, 30), Box(80, 100, 20, 10, -60)
    layout = Layout(
        "thalamic_transverse",
        200,
        200,
        (PlacedStructure("skull", skull), PlacedStructure("lateral_ventricle", ventricle)),
    )
    after = changed(layout, ChangeSize(structure="skull", factor=1.5, side="long"))
    assert after.structures[0].box == Box(100, 100, 120, 60, 30)
    new = after.structures[1].box
    assert (new.width, new.height) == pytest.approx((20, 15))  # its height runs along the skull's length
    cos, sin = skull.cos_sin()
    along, across = -20 * cos, 20 * sin
    assert ((new.cx - 100) * cos + (new.cy - 100) * sin) == pytest.approx(1.5 * along)
    assert ((new.cy - 100) * cos - (new.cx - 100) * sin) == pytest.approx(across)


@settings(max_examples=25)
@given(normal_layouts(HEADS), st.floats(0.7, 1.2), st.floats(0, 1))
def test_an_outline_is_resized_as_the_edit_does_it(layout, factor, follow):
    skull = layout.find("skull")[0].box
    long_by, short_by = factor, factor**follow
    factors = (long_by, short_by) if skull.width >= skull.height else (short_by, long_by)
    after = changed(layout, ChangeSize(structure="skull", factor=factor, side="long", follow=follow))
    assert after == Scale("skull", *factors).apply(layout, default_registry())


def test_what_lies_outside_a_resized_or_displaced_outline_stays():
    cyst = PlacedStructure("cyst", Box(280, 30, 20, 10))
    head = PlacedStructure("skull", Box(120, 120, 160, 120, 30))
    layout = Layout("thalamic_transverse", 300, 240, (head, PlacedStructure("thalami", Box(125, 120, 30, 30)), cyst))
    for change in (ChangeSize(structure="skull", factor=0.8), Displace(structure="skull", bearing=45, distance=0.1)):
        after = changed(layout, change)
        assert after.structures[2] == cyst
        assert all(old.box != new.box for old, new in pairs(layout, after)[:2])


@settings(max_examples=25)
@given(st.floats(0, 360), st.floats(0.1, 0.5))
def test_displacement_is_measured_in_the_structures_own_size(bearing, distance):
    layout = example_layout("abdominal_transverse")
    before = layout.find("stomach")[0].box
    after = changed(layout, Displace(structure="stomach", bearing="b", distance="d"), b=bearing, d=distance)
    after = after.find("stomach")[0].box
    assert math.hypot(after.cx - before.cx, after.cy - before.cy) == pytest.approx(distance * math.sqrt(before.area))


def test_a_displaced_outline_takes_all_along():
    layout = example_layout("abdominal_transverse")
    after = changed(layout, Displace(structure="abdomen", bearing=90, distance=0.1))
    shifts = {(round(b.box.cx - a.box.cx, 6), round(b.box.cy - a.box.cy, 6)) for a, b in pairs(layout, after)}
    assert len(shifts) == 1


def pairs(before: Layout, after: Layout) -> list[tuple[PlacedStructure, PlacedStructure]]:
    return list(zip(before.structures, after.structures, strict=True))


@settings(max_examples=25)
@given(normal_layouts(("abdominal_transverse",)))
def test_twice_reflected_is_where_it_was(layout):
    before = layout.find("stomach")[0].box
    once = changed(layout, Reflect(structure="stomach"))
    middle = changed(layout, Reflect(structure="stomach", share=0.5)).find("stomach")[0].box
    reflected = once.find("stomach")[0].box
    assert (before.cx + reflected.cx) / 2 == pytest.approx(middle.cx)
    assert (before.cy + reflected.cy) / 2 == pytest.approx(middle.cy)
    back = changed(once, Reflect(structure="stomach")).find("stomach")[0].box
    assert (back.cx, back.cy) == pytest.approx((before.cx, before.cy))


def test_reflection_needs_an_outline():
    layout = example_layout("abdominal_transverse")
    bare = layout.with_structures(item for item in layout.structures if item.name != "abdomen")
    with pytest.raises(FetalFlexError, match="where the midline runs cannot be told"):
        changed(bare, Reflect(structure="stomach"))


def test_all_of_a_name_are_taken_away_but_never_the_outline():
    layout = example_layout("abdominal_transverse")
    assert TakeAway(structure="stomach").edits(scene_of(layout), {}) == (Remove("stomach"),)
    assert TakeAway(structure="kidney", optional=True).edits(scene_of(layout), {}) == ()
    with pytest.raises(FetalFlexError, match="abdomen is the plane's outline"):
        TakeAway(structure="abdomen").edits(scene_of(layout), {})


@settings(max_examples=25)
@given(st.floats(-90, 89), st.booleans(), st.floats(0.05, 0.4), st.floats(0.4, 0.6))
def test_two_pieces_and_the_gap_make_the_long_side(angle, upright, gap, at):
    palate = Box(100, 100, 30, 60, angle) if upright else Box(100, 100, 60, 30, angle)
    layout = Layout("facial_sagittal", 200, 200, (PlacedStructure("palate", palate),))
    first, second = (item.box for item in changed(layout, Split(structure="palate", gap=gap, at=at)).structures)
    lengths = [box.height if upright else box.width for box in (first, second)]
    assert sum(lengths) == pytest.approx(60 * (1 - gap))
    between = math.hypot(second.cx - first.cx, second.cy - first.cy)
    assert between - sum(lengths) / 2 == pytest.approx(60 * gap)
    assert first.angle == second.angle == pytest.approx(angle)
    assert lengths[0] == pytest.approx(60 * (at - gap / 2))


def test_a_gap_in_millimetres_and_one_that_is_too_wide():
    layout = example_layout("facial_sagittal", pixel_spacing_mm=0.1)
    length = layout.find("palate")[0].box.width
    after = changed(layout, Split(structure="palate", gap=0.1, mm=1.5))
    assert sum(item.box.width for item in after.find("palate")) == pytest.approx(length - 15)
    with pytest.raises(FetalFlexError, match="a gap of 90% at 50% leaves too little of palate"):
        changed(layout, Split(structure="palate", gap=0.9))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"side": "wide"}, "side must be one of both, short"),
        ({"keep": "up"}, "keep must be one of anterior"),
        ({"side": "facing"}, "'facing' needs keep"),
        ({"mm": 3}, "mm needs a side"),
        ({"optional": 1}, "optional must be true or false, got 1"),
    ],
)
def test_contradictions_are_refused(fields, message):
    with pytest.raises(FetalFlexError, match=message):
        ChangeSize(structure="stomach", factor=2, **fields)


def test_any_is_replaced_by_the_structure_that_is_named():
    assert TakeAway(structure="any").for_structure("spine") == TakeAway(structure="spine")
    assert TakeAway(structure="stomach").for_structure("spine") == TakeAway(structure="stomach")
