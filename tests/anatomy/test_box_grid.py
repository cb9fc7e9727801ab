from __future__ import annotations

import numpy as np
import pytest

from fetalflex.anatomy import Box
from fetalflex.anatomy.box_pixels import box_coordinates, inside_box, inside_ellipse


def test_an_upright_box_holds_its_pixels() -> None:
    inside = inside_box(Box.from_corners(2, 1, 6, 4), (8, 9))
    expected = np.zeros((8, 9), bool)
    expected[1:4, 2:6] = True
    np.testing.assert_array_equal(inside, expected)


def test_coordinates_follow_a_rotated_box() -> None:
    along, across = box_coordinates(Box(10.5, 10.5, 12, 4, angle=90), (21, 21))
    assert along[4, 10] == pytest.approx(1.0)  # a box turned by 90 degrees is the same as by -90: along runs up
    assert across[10, 12] == pytest.approx(1.0)


@pytest.mark.parametrize("angle", [0, 30, -75])
def test_areas_are_those_of_box_and_ellipse(angle: float) -> None:
    box = Box(60, 50, 70, 40, angle)
    assert inside_box(box, (100, 120)).sum() == pytest.approx(box.area, rel=0.02)
    assert inside_ellipse(box, (100, 120)).sum() == pytest.approx(np.pi / 4 * box.area, rel=0.02)
