"""Boxes around masks and polygons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.run_lengths import box_of_rle
from fetalflex.data.importers.units import polygon_box
from fetalflex.errors import FetalFlexError


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.data())
def test_boxes_of_runs_are_those_of_their_masks(width, height, data):
    from fetalflex.data.importers.mask_boxes import box_of_mask
    from fetalflex.data.importers.run_lengths import mask_from_rle

    cuts = sorted(data.draw(st.lists(st.integers(0, width * height), max_size=6)))
    counts = np.diff([0, *cuts, width * height]).tolist()
    rle = {"size": [height, width], "counts": counts}
    mask = mask_from_rle(rle, width, height)
    for rotated in (False, True):
        if mask.any():
            assert box_of_rle(rle, width, height, rotated) == box_of_mask(mask, rotated)


@settings(max_examples=20, deadline=None)
@given(st.floats(5, 60), st.floats(5, 60), st.floats(-44, 44), st.integers(401, 900))
def test_polygons_of_many_corners_get_the_smallest_rectangle(a, b, degrees, count):
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    turn = np.radians(degrees)
    x, y = a * np.cos(angles), b * np.sin(angles)
    points = np.stack([50 + x * np.cos(turn) - y * np.sin(turn), 40 + x * np.sin(turn) + y * np.cos(turn)], axis=1)
    expected = Box.from_polygon(points, rotated=True)
    assert polygon_box(points, rotated=True).area == pytest.approx(expected.area, rel=1e-6)


@pytest.mark.parametrize("points", [[[0, 0], [1e200, 0], [0, 1e200]], np.zeros((100_001, 2))])
def test_absurd_polygons_are_refused(points):
    with pytest.raises(FetalFlexError):
        polygon_box(points, rotated=True)
