from __future__ import annotations

import math

import numpy as np
import pytest
from anatomy_strategies import boxes, layouts
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fetalflex.anatomy import (
    EDIT_ROI_MODES,
    Box,
    Layout,
    Move,
    PlacedStructure,
    Remove,
    Rotate,
    Scale,
    changed_structures,
    default_registry,
    draw_change_mask,
    draw_edit_mask,
    draw_layout_map,
    draw_organ_mask,
    draw_roi_mask,
    draw_structures_mask,
)
from fetalflex.errors import FetalFlexError


def head(*structures: tuple[str, Box]) -> Layout:
    return Layout("thalamic_transverse", 40, 30, tuple(PlacedStructure(name, box) for name, box in structures))


def widened(mask: np.ndarray, radius: float) -> np.ndarray:
    return ndimage.distance_transform_edt(~mask) <= radius


def narrowed(mask: np.ndarray, radius: float) -> np.ndarray:
    return ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1] > radius


class TestRoiMask:
    OUTLINE = Box.from_corners(5, 5, 30, 25)
    WITHIN = Box.from_corners(10, 10, 14, 12)
    ACROSS = Box.from_corners(28, 10, 34, 12)

    def test_box_is_the_outlines_box_and_what_sticks_out(self, registry):
        mask = draw_roi_mask(head(("skull", self.OUTLINE), ("thalami", self.WITHIN)), registry, "box")
        assert mask.dtype == np.bool_
        assert mask.shape == (30, 40)
        assert mask[5:25, 5:30].all()
        assert mask.sum() == 20 * 25
        mask = draw_roi_mask(head(("skull", self.OUTLINE), ("thalami", self.ACROSS)), registry, "box")
        assert mask.sum() == 20 * 25 + 2 * 4

    @pytest.mark.parametrize("angle", [0, 30, 90, -45])
    @pytest.mark.parametrize("sides", [(60, 60), (90, 50), (80, 30)])
    def test_outline_is_the_ellipse_and_a_twentieth_around_it(self, registry, angle, sides):
        layout = Layout("thalamic_transverse", 140, 130, (PlacedStructure("skull", Box(70.3, 64.8, *sides, angle)),))
        mask = draw_roi_mask(layout, registry, "outline")
        turns = np.linspace(0, 2 * np.pi, 2000)
        axes = np.array([np.cos(turns), np.sin(turns)]) * 0.55 * np.array(sides)[:, None]
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        x, y = 70.3 + axes[0] * cos - axes[1] * sin, 64.8 + axes[0] * sin + axes[1] * cos
        assert mask[np.floor(y).astype(int), np.floor(x).astype(int)].mean() > 0.98
        rows, columns = np.nonzero(mask)
        further = np.abs(columns + 0.5 - x.max()).min(), np.abs(rows + 0.5 - y.max()).min()
        assert max(further) <= 1
        assert mask.sum() == pytest.approx(np.pi * 0.55**2 * sides[0] * sides[1], rel=0.08)

    def test_auto_is_the_outline_and_what_sticks_out(self, registry):
        outline = draw_roi_mask(head(("skull", self.OUTLINE)), registry, "outline")
        mask = draw_roi_mask(head(("skull", self.OUTLINE), ("thalami", self.WITHIN)), registry)
        assert np.array_equal(mask, outline)
        mask = draw_roi_mask(head(("skull", self.OUTLINE), ("thalami", self.ACROSS)), registry)
        assert mask[10:12, 28:34].all()
        mask[10:12, 28:34] = outline[10:12, 28:34]
        assert np.array_equal(mask, outline)

    @given(boxes(30, 25))
    @settings(max_examples=60)
    def test_the_region_of_an_outline_is_never_empty(self, box):
        layout = Layout("thalamic_transverse", 30, 25, (PlacedStructure("skull", box),))
        held = layout.structures[0].box
        if 0 <= held.cx < 30 and 0 <= held.cy < 25:
            assert draw_roi_mask(layout, default_registry(), "outline")[int(held.cy), int(held.cx)]

    def test_auto_without_outline_is_the_structures_with_margin(self, registry):
        layout = head(("thalami", self.WITHIN))
        mask = draw_roi_mask(layout, registry, "box", margin=0.05)
        assert mask[8:14, 8:16].all()
        assert mask.sum() == 6 * 8
        mask[[8, 8, 13, 13], [8, 15, 8, 15]] = False
        assert np.array_equal(draw_roi_mask(layout, registry, margin=0.05), mask)
        assert np.array_equal(draw_roi_mask(layout, registry, "structures", 0.05), mask)

    @given(layouts(min_structures=1), st.floats(0.02, 0.1))
    @settings(max_examples=30)
    def test_without_an_outline_no_notch_and_no_corner_is_sharper_than_the_margin(self, layout, margin):
        registry = default_registry()
        layout = layout.with_structures(one for one in layout.structures if one is not layout.outline(registry))
        if not layout.structures or layout.outline(registry) is not None:
            return
        # At the image's sides a region is cut; what is told of discs holds of regions that lie in the image.
        radius = margin * max(layout.width, layout.height)
        reach = [one.box.resized(one.box.width + 4 * radius, one.box.height + 4 * radius) for one in layout.structures]
        if any(box.inside_fraction(layout.width, layout.height) < 1 for box in reach):
            return
        mask = draw_roi_mask(layout, registry, "structures", margin)
        boxes = draw_roi_mask(layout, registry, "box", margin)
        assert not (mask & ~widened(boxes, radius)).any()
        inside = np.pad(mask, 1, mode="edge")[1:-1, 1:-1]
        assert (widened(narrowed(inside, radius - 2), radius) >= inside).all()  # a disc fits everywhere: no corner

    def test_full(self, registry):
        assert draw_roi_mask(head(), registry, "full").all()

    @given(layouts(min_structures=1), st.sampled_from(["auto", "box", "structures", "full"]), st.floats(0, 0.2))
    @settings(max_examples=60)
    def test_covers_every_pixel_of_the_layout_map(self, layout, mode, margin):
        registry = default_registry()
        outline = layout.outline(registry)
        mask = draw_roi_mask(layout, registry, mode, margin)
        if mode == "auto":  # what lies in the corners of the outline's box is background
            layout = layout.with_structures(structure for structure in layout.structures if structure is not outline)
        assert mask[draw_layout_map(layout, registry).any(2)].all()

    @given(boxes(30, 25))
    @settings(max_examples=30)
    def test_holds_every_pixel_that_the_box_touches(self, box):
        layout = Layout("femur", 30, 25, (PlacedStructure("femur", box),))
        mask = draw_roi_mask(layout, default_registry(), margin=0)
        rows, columns = np.mgrid[:25, :30]
        overlap = [box.iou(Box(x + 0.5, y + 0.5, 1, 1)) for x, y in zip(columns.ravel(), rows.ravel(), strict=True)]
        touched = np.array(overlap).reshape(25, 30)
        assert mask[touched > 1e-6].all()
        assert (mask & (touched == 0)).sum() <= 2  # pixels that touch by less than rounding

    @given(layouts(min_structures=1), st.floats(0, 0.1), st.floats(0.1, 0.3))
    @settings(max_examples=30)
    def test_grows_with_the_margin(self, layout, small, large):
        registry = default_registry()
        inner = draw_roi_mask(layout, registry, "structures", small)
        assert (draw_roi_mask(layout, registry, "structures", large) >= inner).all()

    @pytest.mark.parametrize("mode", ["auto", "outline", "structures"])
    def test_empty_layout_is_refused(self, registry, mode):
        with pytest.raises(FetalFlexError, match="no structures, so no region follows"):
            draw_roi_mask(head(), registry, mode)

    def test_missing_outline_is_refused(self, registry):
        with pytest.raises(FetalFlexError, match="the layout holds no skull"):
            draw_roi_mask(head(("thalami", self.WITHIN)), registry, "outline")
        face = Layout("facial_sagittal", 40, 30, (PlacedStructure("palate", self.WITHIN),))
        with pytest.raises(FetalFlexError, match="the plane facial_sagittal has none"):
            draw_roi_mask(face, registry, "outline")

    def test_bad_arguments(self, registry):
        with pytest.raises(FetalFlexError, match="ROI mode must be one of auto, outline, box, structures, full"):
            draw_roi_mask(head(), registry, "skull")
        for margin in (-0.1, math.nan):
            with pytest.raises(FetalFlexError, match="ROI margin"):
                draw_roi_mask(head(("thalami", self.WITHIN)), registry, margin=margin)


ABDOMEN = PlacedStructure("abdomen", Box(200, 150, 300, 240))
STOMACH = PlacedStructure("stomach", Box(150, 170, 60, 40))
VEIN = PlacedStructure("umbilical_vein", Box(250, 110, 60, 20, 20))
BELLY = Layout("abdominal_transverse", 400, 300, (ABDOMEN, STOMACH, VEIN))


def touched(box: Box) -> np.ndarray:
    """Mark the pixels that a box touches."""
    alone = BELLY.with_structures((PlacedStructure("stomach", box),))
    return draw_roi_mask(alone, default_registry(), "structures", 0.0)


class TestChanges:
    """The region of an edit: what changes, before and after, with a margin, and nothing else."""

    def test_a_moved_organ_is_redrawn_where_it_was_and_where_it_is(self, registry):
        after = Move("stomach", 60, -50).apply(BELLY, registry)
        mask = draw_change_mask(BELLY, after, registry)
        for layout in (BELLY, after):
            assert mask[touched(layout.find("stomach")[0].box)].all()
        assert mask.sum() < 0.35 * draw_roi_mask(BELLY, registry).sum()
        assert not mask[touched(Box(330, 150, 20, 20))].any()
        assert np.array_equal(mask, draw_change_mask(after, BELLY, registry))

    @pytest.mark.parametrize(
        "edit", [Move("stomach", 9, 0), Scale("stomach", 0.6), Rotate("stomach", 40), Remove("stomach")]
    )
    def test_every_kind_of_edit_takes_both_boxes_and_has_no_corner(self, registry, edit):
        after = edit.apply(BELLY, registry)
        mask = draw_change_mask(BELLY, after, registry)
        changed = changed_structures(BELLY, after)
        assert changed
        for structure in changed:
            assert mask[touched(structure.box)].all()
        assert not mask[touched(VEIN.box)].any()
        assert (widened(narrowed(mask, 8), 10) >= mask).all()

    def test_fluid_takes_more_room_than_bone(self, registry):
        rooms = []
        for name in ("stomach", "liver", "spine"):
            there = BELLY.with_structures((ABDOMEN, PlacedStructure(name, Box(200, 150, 100, 100))))
            mask = draw_change_mask(there, BELLY.with_structures((ABDOMEN,)), registry)
            rooms.append(int(mask.sum()))
        assert rooms == sorted(rooms, reverse=True)
        assert len(set(rooms)) == 3

    def test_a_margin_counts_for_all_kinds_alike(self, registry):
        without = BELLY.with_structures((ABDOMEN,))
        masks = []
        for name in ("stomach", "spine"):
            there = BELLY.with_structures((ABDOMEN, PlacedStructure(name, STOMACH.box)))
            masks.append(draw_change_mask(there, without, registry, margin=0.03))
        assert np.array_equal(*masks)
        assert masks[0][touched(Box(150, 170, 60 + 24, 1))].all()

    def test_a_changed_outline_takes_its_shell_and_its_contents(self, registry):
        after = Scale("abdomen", 0.8).apply(BELLY, registry)
        mask = draw_change_mask(BELLY, after, registry)
        expected = draw_roi_mask(BELLY, registry, "outline") | draw_roi_mask(after, registry, "outline")
        assert np.array_equal(mask, expected)

    def test_the_wall_of_an_outline_that_stays_is_left_as_it_is(self, registry):
        after = Scale("stomach", 2.2).apply(BELLY, registry)  # the corner of its box lies on the wall
        box = after.find("stomach")[0].box
        mask = draw_change_mask(BELLY, after, registry)
        wall = draw_roi_mask(BELLY, registry, "outline") & ~draw_roi_mask(
            BELLY.with_structures((PlacedStructure("abdomen", ABDOMEN.box.scaled(0.84)),)), registry, "outline"
        )
        assert (touched(box) & wall).any()
        assert not (mask & wall).any()
        assert mask[touched(box) & ~wall].mean() > 0.97

    def test_what_is_put_beyond_the_wall_on_purpose_is_drawn_there(self, registry):
        after = Move("stomach", -110, 0).apply(BELLY, registry)
        mask = draw_change_mask(BELLY, after, registry)
        assert mask[touched(after.find("stomach")[0].box)].all()

    def test_layouts_without_a_change_or_of_two_images_are_refused(self, registry):
        with pytest.raises(FetalFlexError, match="nothing differs"):
            draw_change_mask(BELLY, BELLY, registry)
        with pytest.raises(FetalFlexError, match="400 x 300 and 40 x 30 px"):
            draw_change_mask(BELLY, head(), registry)

    @given(layouts(min_structures=2), st.integers(0, 5), st.floats(0.5, 1.5), st.floats(-20, 20))
    @settings(max_examples=40)
    def test_it_lies_near_what_changes_and_holds_it(self, layout, which, factor, shift):
        registry = default_registry()
        which %= len(layout.structures)
        name = layout.structures[which].name
        if name == registry.plane(layout.plane).outline:
            return
        box = layout.structures[which].box.scaled(factor).translated(shift, shift)
        if box.inside_fraction(layout.width, layout.height) == 0:
            return
        moved = [PlacedStructure(name, box) if i == which else one for i, one in enumerate(layout.structures)]
        after = layout.with_structures(moved)
        if not changed_structures(layout, after):
            return
        mask = draw_change_mask(layout, after, registry)
        boxes = draw_roi_mask(layout.with_structures(changed_structures(layout, after)), registry, "structures", 0.0)
        outline = after.outline(registry)
        if outline is not None:
            inside = layout.with_structures((PlacedStructure(outline.name, outline.box.scaled(0.82)),))
            boxes &= draw_roi_mask(inside, registry, "outline")
        assert (mask >= boxes).all()
        mirrored = draw_change_mask(layout.mirrored_horizontally(), after.mirrored_horizontally(), registry)
        assert (mirrored[:, ::-1] != mask).mean() < 0.05


class TestEdits:
    @pytest.mark.parametrize("mode", ["auto", "outline", "box", "structures", "full"])
    def test_other_modes_take_the_regions_of_both_layouts(self, registry, mode):
        after = Scale("abdomen", 0.8).apply(BELLY, registry)
        expected = draw_roi_mask(BELLY, registry, mode) | draw_roi_mask(after, registry, mode)
        assert np.array_equal(draw_edit_mask(BELLY, after, registry, mode), expected)

    def test_where_nothing_differs_the_whole_region_is_drawn_anew(self, registry):
        assert np.array_equal(draw_edit_mask(BELLY, BELLY, registry), draw_roi_mask(BELLY, registry))
        turned = Rotate("stomach", -7).apply(Rotate("stomach", 7).apply(BELLY, registry), registry)
        assert np.array_equal(draw_edit_mask(BELLY, turned, registry), draw_roi_mask(BELLY, registry))

    def test_an_empty_layout_adds_nothing(self, registry):
        empty = BELLY.with_structures(())
        whole = draw_roi_mask(BELLY, registry, "outline")
        assert np.array_equal(draw_edit_mask(BELLY, empty, registry), whole)
        with pytest.raises(FetalFlexError, match="neither layout holds a structure"):
            draw_edit_mask(empty, empty, registry)

    def test_unknown_modes_are_refused(self, registry):
        with pytest.raises(FetalFlexError, match=f"must be one of {', '.join(EDIT_ROI_MODES)}, got 'near'"):
            draw_edit_mask(BELLY, BELLY, registry, "near")


class TestOrgans:
    def test_an_organ_has_a_round_region(self, registry):
        mask = draw_organ_mask(BELLY, registry, ["gastric bubble"])
        assert np.array_equal(mask, draw_change_mask(BELLY, Remove("stomach").apply(BELLY, registry), registry))
        assert mask[touched(STOMACH.box)].all()
        assert np.array_equal(mask, draw_structures_mask([STOMACH], BELLY, registry))
        both = draw_organ_mask(BELLY, registry, ["stomach", "umbilical_vein"])
        assert np.array_equal(both, mask | draw_organ_mask(BELLY, registry, ["umbilical_vein"]))

    def test_what_is_not_there_is_named(self, registry):
        with pytest.raises(FetalFlexError, match="holds no spine; it holds abdomen, stomach, umbilical_vein"):
            draw_organ_mask(BELLY, registry, ["stomach", "spine"])
        with pytest.raises(FetalFlexError, match=r"unknown structure 'stomak'\. Did you mean stomach"):
            draw_organ_mask(BELLY, registry, ["stomak"])
        with pytest.raises(FetalFlexError, match="name at least one"):
            draw_organ_mask(BELLY, registry, [])
