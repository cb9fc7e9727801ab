from __future__ import annotations

import math

import numpy as np
import pytest
from anatomy_strategies import boxes, layouts
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import (
    Box,
    Layout,
    PlacedStructure,
    default_registry,
    draw_layout_map,
    draw_overlay,
    draw_roi_mask,
)
from fetalflex.errors import FetalFlexError

SKULL = (255, 255, 255)


def head(*structures: tuple[str, Box]) -> Layout:
    return Layout("thalamic_transverse", 40, 30, tuple(PlacedStructure(name, box) for name, box in structures))


class TestLayoutMap:
    def test_upright_box_fills_its_pixels(self, registry):
        drawn = draw_layout_map(head(("skull", Box.from_corners(5, 6, 15, 26))), registry)
        expected = np.zeros((30, 40, 3), np.uint8)
        expected[6:26, 5:15] = SKULL
        assert drawn.dtype == np.uint8
        assert np.array_equal(drawn, expected)

    def test_smaller_boxes_lie_on_larger_ones_in_any_order(self, registry):
        structures = [
            ("skull", Box(20, 15, 30, 20)),
            ("thalami", Box(20, 15, 10, 8)),
            ("midline_falx", Box(20, 15, 20, 2)),
        ]
        drawn = [draw_layout_map(head(*order), registry) for order in (structures, structures[::-1])]
        assert np.array_equal(*drawn)
        assert tuple(drawn[0][15, 20]) == registry.structure("midline_falx").colour
        assert tuple(drawn[0][12, 20]) == registry.structure("thalami").colour

    @given(layouts())
    @settings(max_examples=50)
    def test_holds_registry_colours_only(self, layout):
        registry = default_registry()
        drawn = draw_layout_map(layout, registry) @ (65536, 256, 1)
        allowed = [np.dot(registry.structure(name).colour, (65536, 256, 1)) for name in layout.names()]
        assert np.isin(drawn, [0, *allowed]).all()

    @given(boxes(100, 80))
    @settings(max_examples=50)
    def test_rotated_box_covers_its_area(self, box):
        layout = Layout("femur", 100, 80, (PlacedStructure("femur", box),))
        filled = draw_layout_map(layout, default_registry()).any(2).sum()
        inside = box.inside_fraction(100, 80) * box.area
        assert filled == pytest.approx(inside, abs=2 + box.width + box.height)

    def test_positive_angle_is_clockwise_on_the_screen(self, registry):
        drawn = draw_layout_map(head(("midline_falx", Box(20, 15, 30, 2, 30))), registry).any(2)
        assert drawn[20, 29]
        assert not drawn[10, 29]

    @given(layouts())
    @settings(max_examples=30)
    def test_mirroring_commutes_with_drawing(self, layout):
        registry = default_registry()
        mirrored = draw_layout_map(layout.mirrored_horizontally(), registry)
        differing = (mirrored != draw_layout_map(layout, registry)[:, ::-1]).any(2)
        assert differing.mean() < 0.1

    def test_box_smaller_than_a_pixel_is_not_lost(self, registry):
        drawn = draw_layout_map(head(("skull", Box(7.1, 9.1, 0.1, 0.1))), registry)
        assert np.argwhere(drawn.any(2)).tolist() == [[9, 7]]

    def test_other_size(self, registry):
        layout = head(("skull", Box.from_corners(0, 0, 20, 30)))
        drawn = draw_layout_map(layout, registry, size=(80, 15))
        assert drawn.shape == (15, 80, 3)
        assert drawn[:, :40].all()
        assert not drawn[:, 40:].any()

    def test_empty_layout_is_black(self, registry):
        assert not draw_layout_map(head(), registry).any()

    def test_unknown_structure(self, registry):
        with pytest.raises(FetalFlexError, match=r"unknown structure 'skul'\. Did you mean skull"):
            draw_layout_map(head(("skul", Box(5, 5, 2, 2))), registry)

    @pytest.mark.parametrize("size", [(0, 5), (5, 20000), (5.0, 5), (5,)])
    def test_bad_size(self, registry, size):
        with pytest.raises(FetalFlexError, match="size"):
            draw_layout_map(head(), registry, size)


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
        mask = draw_roi_mask(layout, registry, margin=0.05)
        assert mask[8:14, 8:16].all()
        assert mask.sum() == 6 * 8
        assert np.array_equal(mask, draw_roi_mask(layout, registry, "structures", 0.05))

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


class TestOverlay:
    @pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
    def test_is_a_picture_of_the_same_size_with_coloured_lines(self, registry, shape):
        image = np.full(shape, 90, np.uint8)
        picture = draw_overlay(image, head(("skull", Box.from_corners(5, 6, 35, 26))), registry, labels=False)
        assert picture.mode == "RGB"
        assert picture.size == (40, 30)
        assert SKULL in (picture.getpixel((20, 5)), picture.getpixel((20, 6)))
        assert picture.getpixel((20, 15)) == (90, 90, 90)
        assert (image == 90).all()

    def test_labels_add_text(self, registry):
        image = np.zeros((100, 200), np.uint8)
        layout = Layout("femur", 200, 100, (PlacedStructure("femur", Box(100, 60, 80, 20)),) * 3)
        plain, labelled = (np.asarray(draw_overlay(image, layout, registry, labels)) for labels in (False, True))
        assert (plain != labelled).any()

    def test_dark_colours_are_brightened(self, registry):
        image = np.zeros((100, 200), np.uint8)
        for structure in registry.structures:
            layout = Layout("femur", 200, 100, (PlacedStructure(structure.name, Box(100, 60, 80, 20)),))
            drawn = np.asarray(draw_overlay(image, layout, registry, labels=False)).astype(float)
            assert (drawn @ (0.299, 0.587, 0.114)).max() >= 75

    @given(layouts())
    @settings(max_examples=20)
    def test_any_layout_can_be_drawn(self, layout):
        picture = draw_overlay(np.zeros((layout.height, layout.width), np.uint8), layout, default_registry())
        assert picture.size == (layout.width, layout.height)

    @pytest.mark.parametrize(
        "image", [np.zeros((30, 40)), np.zeros((40, 30), np.uint8), np.zeros((30, 40, 4), np.uint8), [[0]]]
    )
    def test_other_arrays_are_refused(self, registry, image):
        with pytest.raises(FetalFlexError, match="image must"):
            draw_overlay(image, head(), registry)
