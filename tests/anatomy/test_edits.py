from __future__ import annotations

import math

import pytest
from anatomy_strategies import layouts
from hypothesis import assume, given
from hypothesis import strategies as st

from fetalflex.anatomy import (
    Add,
    Box,
    Layout,
    Mirror,
    Move,
    PlacedStructure,
    Registry,
    Remove,
    Resize,
    Rotate,
    Scale,
    default_registry,
)
from fetalflex.anatomy.contents import contents
from fetalflex.anatomy.edits import EDIT_KINDS
from fetalflex.errors import FetalFlexError


def box_of(layout: Layout, name: str, index: int = 0) -> Box:
    return layout.find(name)[index].box


def same_polygons(first: Layout, second: Layout) -> bool:
    return all(
        a.name == b.name and sorted(a.box.polygon().ravel()) == pytest.approx(sorted(b.box.polygon().ravel()), abs=1e-5)
        for a, b in zip(first.structures, second.structures, strict=True)
    )


class TestEffects:
    @pytest.mark.parametrize(
        ("edit", "expected"),
        [
            (Move("stomach", 10, -5), Box(70, 45, 30, 20)),
            (Move("stomach", 0.05, -0.05, "fraction"), Box(70, 45, 30, 20)),
            (Move("stomach", 5, -2.5, "mm"), Box(70, 45, 30, 20)),
            (Move("gastric bubble", 10, -5), Box(70, 45, 30, 20)),
            (Scale("stomach", 2), Box(60, 50, 60, 40)),
            (Scale("stomach", 2, 0.5), Box(60, 50, 60, 10)),
            (Resize("stomach", 60, 40), Box(60, 50, 60, 40)),
            (Resize("stomach", 0.3, 0.4, "fraction"), Box(60, 50, 60, 40)),
            (Resize("stomach", 30, 20, "mm"), Box(60, 50, 60, 40)),
            (Rotate("stomach", 30), Box(60, 50, 30, 20, 30)),
            (Mirror("horizontal"), Box(140, 50, 30, 20)),
            (Mirror("vertical"), Box(60, 50, 30, 20)),
        ],
    )
    def test_on_one_structure(self, abdomen, registry, edit, expected):
        edited = edit.apply(abdomen, registry)
        assert box_of(edited, "stomach").to_dict() == pytest.approx(expected.to_dict())
        if not isinstance(edit, Mirror):
            assert [s for s in edited.structures if s.name != "stomach"] == [
                s for s in abdomen.structures if s.name != "stomach"
            ]

    def test_without_an_index_all_of_the_name_are_edited(self, abdomen, registry):
        edited = Move("kidney", 1, 0).apply(abdomen, registry)
        assert [item.box.cx for item in edited.find("kidney")] == [121, 151]

    def test_index_picks_one(self, abdomen, registry):
        edited = Move("kidney[1]", 1, 0).apply(abdomen, registry)
        assert [item.box.cx for item in edited.find("kidney")] == [120, 151]
        assert Remove("kidney[0]").apply(abdomen, registry).find("kidney") == abdomen.find("kidney")[1:]

    def test_remove(self, abdomen, registry):
        assert Remove("kidney").apply(abdomen, registry).names() == ("abdomen", "stomach")

    def test_the_given_layout_is_left_alone(self, abdomen, registry):
        before = abdomen.to_json()
        Move("stomach", 1, 1).apply(abdomen, registry)
        assert abdomen.to_json() == before

    def test_move_partly_outside_is_allowed(self, abdomen, registry):
        assert box_of(Move("stomach", -60, 0).apply(abdomen, registry), "stomach").cx == 0


class TestAdd:
    def test_given_size(self, abdomen, registry):
        added = Add("spine", 20, 30, 10, 12, 15).apply(abdomen, registry)
        assert added.structures == (*abdomen.structures, PlacedStructure("spine", Box(20, 30, 10, 12, 15)))

    def test_units(self, abdomen, registry):
        for edit in (Add("spine", 0.1, 0.3, 0.05, 0.12, unit="fraction"), Add("spine", 10, 15, 5, 6, unit="mm")):
            assert box_of(edit.apply(abdomen, registry), "spine").to_dict() == pytest.approx(
                Box(20, 30, 10, 12).to_dict()
            )

    def test_typical_size_refers_to_the_outline(self, abdomen, registry):
        assert box_of(Add("aorta", 100, 50).apply(abdomen, registry), "aorta") == Box(100, 50, 0.05 * 160, 0.05 * 80)

    def test_typical_size_follows_a_turned_outline(self, abdomen, registry):
        turned = Rotate("abdomen", 20).apply(abdomen, registry)
        assert box_of(Add("aorta", 100, 50).apply(turned, registry), "aorta").angle == 20
        assert box_of(Add("aorta", 100, 50, angle=5).apply(turned, registry), "aorta").angle == 5
        assert box_of(Add("aorta", 100, 50, 9, 9).apply(turned, registry), "aorta").angle == 0

    def test_typical_size_without_the_outline_assumes_a_typical_outline(self, registry):
        box = box_of(Add("stomach", 50, 50).apply(Layout("abdominal_transverse", 100, 100), registry), "stomach")
        assert (box.width, box.height) == (pytest.approx(0.2 * 70), pytest.approx(0.15 * 80))

    def test_typical_size_of_the_outline_and_of_planes_without_one(self, registry):
        skull = box_of(Add("skull", 50, 50).apply(Layout("thalamic_transverse", 100, 200), registry), "skull")
        assert (skull.width, skull.height) == (60, 130)
        thalami = box_of(Add("thalami", 50, 50).apply(Layout("facial_sagittal", 100, 200), registry), "thalami")
        assert (thalami.width, thalami.height) == (13, 30)

    def test_every_structure_of_every_plane_can_be_added(self, registry):
        for plane in registry.planes:
            layout = Layout(plane.name, 300, 200)
            for name in plane.structures:
                layout = Add(name, 150, 100).apply(layout, registry)
            layout.validate(registry)

    def test_structure_of_another_plane_is_refused(self, abdomen, registry):
        with pytest.raises(FetalFlexError, match="skull does not belong to the plane abdominal_transverse, which has"):
            Add("skull", 50, 50).apply(abdomen, registry)

    def test_place_outside_is_refused(self, abdomen, registry):
        with pytest.raises(FetalFlexError, match="add puts spine outside the image of 200 x 100 px"):
            Add("spine", 500, 50).apply(abdomen, registry)


def two_of(layout: Layout, name: str) -> bool:
    """Whether a name is not one structure; of two outlines, what lies in which may change on the way."""
    return len(layout.find(name)) > 1


def undone(there: Move | Scale | Rotate, back: Move | Scale | Rotate, layout: Layout, registry: Registry) -> Layout:
    """The layout after an edit and its inverse, unless something else has come to lie in the edited one on the way."""
    edited = there.apply(layout, registry)
    position = layout.structures.index(layout.find(there.structure)[0])
    assume(there.alone or contents(layout, position) == contents(edited, position))
    return back.apply(edited, registry)


class TestUndoing:
    @given(layouts(min_structures=1), st.floats(-5, 5), st.floats(-5, 5))
    def test_move(self, layout, dx, dy):
        registry, name = default_registry(), layout.structures[0].name
        wide, alone = layout.rescaled(1, 300, 300, width=1200, height=1200), two_of(layout, name)
        there, back = Move(name, dx, dy, alone=alone), Move(name, -dx, -dy, alone=alone)
        assert same_polygons(undone(there, back, wide, registry), wide)

    @given(layouts(min_structures=1), st.floats(0.5, 2), st.floats(0.5, 2))
    def test_scale(self, layout, fx, fy):
        registry, name = default_registry(), layout.structures[0].name
        wide, alone = layout.rescaled(1, 300, 300, width=1200, height=1200), two_of(layout, name)
        there, back = Scale(name, fx, fy, alone=alone), Scale(name, 1 / fx, 1 / fy, alone=alone)
        assert same_polygons(undone(there, back, wide, registry), wide)

    @given(layouts(min_structures=1), st.floats(-360, 360))
    def test_rotate(self, layout, degrees):
        registry, name = default_registry(), layout.structures[0].name
        wide = layout.rescaled(1, 1000, 1000, width=3000, height=3000)  # what lies in an outline stays in the image
        alone = two_of(layout, name)
        there, back = Rotate(name, degrees, alone=alone), Rotate(name, -degrees, alone=alone)
        assert same_polygons(undone(there, back, wide, registry), wide)

    @given(layouts(), st.sampled_from(["horizontal", "vertical"]))
    def test_mirror(self, layout, axis):
        registry = default_registry()
        assert same_polygons(Mirror(axis).apply(Mirror(axis).apply(layout, registry), registry), layout)

    @given(layouts())
    def test_add_then_remove(self, layout):
        registry = default_registry()
        name = registry.plane(layout.plane).structures[-1]
        index = len(layout.find(name))
        added = Add(name, layout.width / 2, layout.height / 2).apply(layout, registry)
        assert Remove(f"{name}[{index}]").apply(added, registry) == layout


class TestRefusals:
    def test_structure_that_is_not_there(self, abdomen, registry):
        with pytest.raises(FetalFlexError, match="layout holds no spine; it holds abdomen, kidney, stomach"):
            Move("spine", 1, 1).apply(abdomen, registry)
        with pytest.raises(FetalFlexError, match="it holds no structures at all"):
            Remove("spine").apply(abdomen.with_structures([]), registry)

    def test_structure_that_is_unknown(self, abdomen, registry):
        with pytest.raises(FetalFlexError, match=r"unknown structure 'stomac'\. Did you mean stomach"):
            Scale("stomac", 2).apply(abdomen, registry)

    def test_index_that_is_not_there(self, abdomen, registry):
        with pytest.raises(FetalFlexError, match=r"no kidney\[2\]; it holds kidney\[0\] to kidney\[1\]"):
            Remove("kidney[2]").apply(abdomen, registry)
        with pytest.raises(FetalFlexError, match=r"no stomach\[1\]; it holds stomach\[0\] only"):
            Remove("stomach[1]").apply(abdomen, registry)

    def test_move_wholly_outside(self, abdomen, registry):
        with pytest.raises(FetalFlexError, match=r"move puts stomach outside .* layout holds abdomen, kidney, stomach"):
            Move("stomach", 500, 0).apply(abdomen, registry)

    @pytest.mark.parametrize(
        "edit", [Move("stomach", 1, 1, "mm"), Resize("stomach", 1, 1, "mm"), Add("spine", 1, 1, unit="mm")]
    )
    def test_mm_without_spacing(self, abdomen, registry, edit):
        layout = Layout(abdomen.plane, abdomen.width, abdomen.height, abdomen.structures)
        with pytest.raises(FetalFlexError, match="unit mm needs the layout's pixel_spacing_mm"):
            edit.apply(layout, registry)

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Move("stomach", math.nan, 0), "move dx must be finite"),
            (lambda: Move("stomach", 0, "1"), "move dy must be a number"),
            (lambda: Move("stomach", 0, 0, "cm"), "move unit must be one of px, fraction, mm, got 'cm'"),
            (lambda: Move("", 0, 0), "structure must be a name"),
            (lambda: Move(None, 0, 0), "structure must be a name"),
            (lambda: Move("kidney[x]", 0, 0), "structure must be a name"),
            (lambda: Move("kidney[-1]", 0, 0), "structure must be a name"),
            (lambda: Scale("stomach", 0), "scale fx must be greater than 0"),
            (lambda: Scale("stomach", 1, -1), "scale fy must be greater than 0"),
            (lambda: Resize("stomach", 0, 5), "resize width must be greater than 0"),
            (lambda: Rotate("stomach", math.inf), "rotate degrees must be finite"),
            (lambda: Remove("[1]"), "structure must be a name"),
            (lambda: Add("stomach", 1, 1, 5), "both width and height"),
            (lambda: Add("stomach", 1, 1, 5, 0), "add height must be greater than 0"),
            (lambda: Add("stomach", math.nan, 1), "add cx must be finite"),
            (lambda: Add("stomach", 1, 1, angle=math.nan), "add angle must be finite"),
            (lambda: Add("stomach[0]", 1, 1), "without an index"),
            (lambda: Mirror("diagonal"), "mirror axis must be one of horizontal, vertical"),
        ],
    )
    def test_wrong_values(self, make, message):
        with pytest.raises(FetalFlexError, match=message):
            make()


def test_kinds():
    assert list(EDIT_KINDS) == ["move", "scale", "resize", "rotate", "remove", "add", "mirror"]
