from __future__ import annotations

import numpy as np
import pytest
from anatomy_strategies import layouts
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fetalflex.anatomy import Box, Canvas, Layout, PlacedStructure
from fetalflex.errors import FetalFlexError

SIDES = st.integers(1, 90)


def ramp(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.round(40 + 160 * (x / max(width, 1) + y / max(height, 1)) / 2).astype(np.uint8)


class TestGeometry:
    def test_wide_image(self):
        canvas = Canvas(400, 200, 256)
        assert (canvas.scale, canvas.dx, canvas.dy) == (0.64, 0, 64)
        assert canvas.content_box == (0, 64, 256, 192)

    def test_tall_image(self):
        assert Canvas(100, 200, 100).content_box == (25, 0, 75, 100)

    @given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 600))
    def test_content_lies_on_the_canvas_and_is_centred(self, width, height, size):
        canvas = Canvas(width, height, size)
        x0, y0, x1, y1 = canvas.content_box
        assert 0 <= x0 < x1 <= size
        assert 0 <= y0 < y1 <= size
        assert max(x1 - x0, y1 - y0) == size
        assert abs(x0 - (size - x1)) <= 1
        assert abs(y0 - (size - y1)) <= 1

    @pytest.mark.parametrize("values", [(0, 5, 5), (5, 0, 5), (5, 5, 0), (5, 5, 20000), (5.0, 5, 5)])
    def test_sizes_are_checked(self, values):
        with pytest.raises(FetalFlexError, match=r"canvas \w+ must be a whole number from 1 to 16384"):
            Canvas(*values)


class TestLayouts:
    @given(layouts(), st.integers(16, 300))
    def test_round_trip(self, layout, size):
        canvas = Canvas(layout.width, layout.height, size)
        there = canvas.layout_to_canvas(layout)
        assert (there.width, there.height) == (size, size)
        back = canvas.layout_from_canvas(there)
        assert (back.width, back.height, back.names()) == (layout.width, layout.height, layout.names())
        for a, b in zip(back.structures, layout.structures, strict=True):
            assert np.allclose(a.box.polygon(), b.box.polygon(), atol=1e-6)

    def test_spacing_follows(self):
        layout = Layout("femur", 400, 200, (PlacedStructure("femur", Box(200, 100, 80, 20)),), 0.1)
        there = Canvas(400, 200, 200).layout_to_canvas(layout)
        assert there.pixel_spacing_mm == pytest.approx(0.2)
        assert there.structures[0].box == Box(100, 100, 40, 10)

    def test_other_sizes_are_refused(self):
        with pytest.raises(FetalFlexError, match="layout must be 400 x 200 px, got 400 x 201"):
            Canvas(400, 200, 256).layout_to_canvas(Layout("femur", 400, 201))
        with pytest.raises(FetalFlexError, match="layout must be 256 x 256 px"):
            Canvas(400, 200, 256).layout_from_canvas(Layout("femur", 400, 200))

    def test_box_in_the_padding_is_refused_on_the_way_back(self):
        layout = Layout("femur", 256, 256, (PlacedStructure("femur", Box(128, 10, 20, 10)),))
        with pytest.raises(FetalFlexError, match="outside the image"):
            Canvas(400, 200, 256).layout_from_canvas(layout)


class TestImages:
    @given(SIDES, SIDES)
    @settings(max_examples=40)
    def test_image_of_the_canvas_scale_is_copied(self, width, height):
        image = np.arange(width * height).reshape(height, width).astype(np.uint8)
        canvas = Canvas(width, height, max(width, height))
        there = canvas.image_to_canvas(image)
        x0, y0, x1, y1 = canvas.content_box
        assert np.array_equal(there[y0:y1, x0:x1], image)
        assert np.array_equal(canvas.image_from_canvas(there), image)

    @given(SIDES, SIDES, st.integers(1, 120))
    @settings(max_examples=60)
    def test_constant_image_stays_constant_and_padding_is_black(self, width, height, size):
        canvas = Canvas(width, height, size)
        there = canvas.image_to_canvas(np.full((height, width), 200, np.uint8))
        x0, y0, x1, y1 = canvas.content_box
        assert (there[y0:y1, x0:x1] == 200).all()
        assert there.sum(dtype=int) == 200 * (x1 - x0) * (y1 - y0)
        assert (canvas.image_from_canvas(there) == 200).all()

    @pytest.mark.parametrize(("width", "height", "size"), [(400, 301, 256), (131, 257, 96), (60, 41, 256)])
    def test_smooth_image_round_trips(self, width, height, size):
        image = ramp(height, width)
        canvas = Canvas(width, height, size)
        there = canvas.image_to_canvas(image)
        back = canvas.image_from_canvas(there)
        assert there.shape == (size, size)
        assert there.dtype == np.uint8
        assert back.shape == image.shape
        assert np.abs(back.astype(int) - image).max() <= 3

    @pytest.mark.parametrize(("width", "height", "size"), [(400, 301, 256), (60, 41, 256), (256, 201, 256)])
    def test_image_and_layout_agree(self, width, height, size):
        box = Box.from_corners(0.25 * width, 0.25 * height, 0.5 * width, 0.75 * height)
        y, x = np.mgrid[:height, :width] + 0.5
        x0, y0, x1, y1 = box.corners()
        image = (((x > x0) & (x < x1) & (y > y0) & (y < y1)) * 200).astype(np.uint8)
        canvas = Canvas(width, height, size)
        there = canvas.image_to_canvas(image).astype(float)
        expected = canvas.layout_to_canvas(Layout("femur", width, height, (PlacedStructure("femur", box),)))
        rows, columns = np.mgrid[:size, :size] + 0.5
        tolerance = max(1.0, canvas.scale)
        assert (columns * there).sum() / there.sum() == pytest.approx(expected.structures[0].box.cx, abs=tolerance / 2)
        assert (rows * there).sum() / there.sum() == pytest.approx(expected.structures[0].box.cy, abs=tolerance / 2)

    @pytest.mark.parametrize(
        "image", [np.zeros((10, 20)), np.zeros((20, 10), np.uint8), np.zeros((10, 20, 3), np.uint8), [[1, 2]], None]
    )
    def test_other_arrays_are_refused(self, image):
        with pytest.raises(FetalFlexError, match=r"image must be a uint8 array of shape \(10, 20\), got"):
            Canvas(20, 10, 16).image_to_canvas(image)
        with pytest.raises(FetalFlexError, match=r"canvas image must be a uint8 array of shape \(16, 16\), got"):
            Canvas(20, 10, 16).image_from_canvas(image)


class TestMasks:
    @given(npst.arrays(np.bool_, st.tuples(SIDES, SIDES)), st.integers(1, 120))
    @settings(max_examples=80)
    def test_no_set_pixel_is_lost_on_the_way_there_and_back(self, mask, size):
        canvas = Canvas(mask.shape[1], mask.shape[0], size)
        back = canvas.mask_from_canvas(canvas.mask_to_canvas(mask))
        assert back.shape == mask.shape
        assert (back >= mask).all()

    @given(npst.arrays(np.bool_, st.tuples(SIDES, SIDES)), st.integers(1, 3))
    @settings(max_examples=40)
    def test_enlarging_by_a_whole_factor_is_exact(self, mask, factor):
        canvas = Canvas(mask.shape[1], mask.shape[0], max(mask.shape) * factor)
        assert np.array_equal(canvas.mask_from_canvas(canvas.mask_to_canvas(mask)), mask)

    @given(SIDES, SIDES, st.integers(1, 120))
    @settings(max_examples=60)
    def test_full_and_empty_masks(self, width, height, size):
        canvas = Canvas(width, height, size)
        there = canvas.mask_to_canvas(np.ones((height, width), bool))
        x0, y0, x1, y1 = canvas.content_box
        assert there[y0:y1, x0:x1].all()
        assert there.sum() == (x1 - x0) * (y1 - y0)
        assert canvas.mask_from_canvas(there).all()
        assert not canvas.mask_to_canvas(np.zeros((height, width), bool)).any()

    def test_single_pixel_survives_strong_shrinking_in_its_place(self):
        mask = np.zeros((512, 512), bool)
        mask[300, 100] = True
        there = Canvas(512, 512, 64).mask_to_canvas(mask)
        assert np.argwhere(there).tolist() == [[37, 12]]

    def test_other_arrays_are_refused(self):
        with pytest.raises(FetalFlexError, match="mask must be a bool array of shape"):
            Canvas(20, 10, 16).mask_to_canvas(np.zeros((10, 20), np.uint8))
        with pytest.raises(FetalFlexError, match="canvas mask must be a bool array of shape"):
            Canvas(20, 10, 16).mask_from_canvas(np.zeros((10, 20), bool))
