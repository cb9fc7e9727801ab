from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image, ImageDraw
from skimage.measure import label, regionprops

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.mask_boxes import box_of_mask, component_boxes
from fetalflex.errors import FetalFlexError

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=25))


def drawn(box: Box, width: int, height: int) -> np.ndarray:
    """Return the `(H, W)` mask of the pixels whose centres lie in a box."""
    image = Image.new("1", (width * 8, height * 8))
    ImageDraw.Draw(image).polygon([tuple(corner * 8) for corner in box.polygon()], fill=1)
    return np.asarray(image)[4::8, 4::8]


def test_boxes_lie_on_pixel_edges():
    mask = np.zeros((10, 20), bool)
    mask[2:5, 7:15] = True
    assert box_of_mask(mask).corners() == (7, 2, 15, 5)
    mask[9, 0] = True
    assert box_of_mask(mask).corners() == (0, 2, 15, 10)


@pytest.mark.parametrize("angle", [-40, -10, 0, 25])
def test_a_drawn_rotated_box_is_found_again(angle):
    box = Box(60, 50, 70, 30, angle)
    assert box_of_mask(drawn(box, 120, 100), rotated=True).iou(box) > 0.93


def test_an_empty_mask_has_no_box():
    with pytest.raises(FetalFlexError, match="empty"):
        box_of_mask(np.zeros((3, 3), bool))


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_components_agree_with_the_reference(mask):
    regions = regionprops(label(mask, connectivity=2))
    large = [region for region in regions if region.area >= 4]
    found = component_boxes(mask, min_area=4)
    assert sorted(box.row_column() for box in found.boxes) == sorted(region.bbox for region in large)
    assert sorted(found.small_areas) == sorted(region.area for region in regions if region.area < 4)


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_a_rotated_box_holds_all_pixels_and_is_no_larger_than_the_upright_one(mask):
    if not mask.any():
        return
    upright, rotated = box_of_mask(mask), box_of_mask(mask, rotated=True)
    assert rotated.area <= upright.area + 1e-6
    rows, columns = np.nonzero(mask)
    angle = np.radians(rotated.angle)
    x, y = columns + 0.5 - rotated.cx, rows + 0.5 - rotated.cy
    assert np.abs(x * np.cos(angle) + y * np.sin(angle)).max() <= rotated.width / 2
    assert np.abs(y * np.cos(angle) - x * np.sin(angle)).max() <= rotated.height / 2


def test_the_largest_component_comes_first():
    mask = np.zeros((10, 20), bool)
    mask[1:3, 1:3] = True
    mask[5:9, 5:12] = True
    assert [box.area for box in component_boxes(mask, 1).boxes] == [28, 4]
