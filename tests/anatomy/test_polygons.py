from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy.polygons import convex_hull, convex_intersection, signed_area, smallest_rectangle

SQUARE = [(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)]
POINTS = st.lists(st.tuples(st.floats(-100, 100), st.floats(-100, 100)), min_size=3, max_size=20)


def test_area_is_positive_clockwise_on_the_screen():
    assert signed_area(SQUARE) == 16
    assert signed_area(SQUARE[::-1]) == -16
    assert signed_area(SQUARE[:2]) == 0


def test_intersection_of_a_square_and_a_diamond():
    diamond = [(2.0, -1.0), (5.0, 2.0), (2.0, 5.0), (-1.0, 2.0)]
    assert signed_area(convex_intersection(SQUARE, diamond)) == pytest.approx(16 - 4 * 0.5)


def test_intersection_of_separate_polygons_is_empty():
    assert signed_area(convex_intersection(SQUARE, [(x + 10, y) for x, y in SQUARE])) == 0


def test_hull_drops_inner_points():
    assert sorted(convex_hull([*SQUARE, (1.0, 1.0), (2.0, 0.0), (0.0, 0.0)])) == sorted(SQUARE)


@given(POINTS)
def test_hull_runs_clockwise(points):
    assert signed_area(convex_hull(points)) >= 0


@given(POINTS)
def test_smallest_rectangle_holds_all_points_and_is_no_larger_than_the_upright_one(points):
    cx, cy, width, height, degrees = smallest_rectangle(points)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    for x, y in points:
        assert abs((x - cx) * cos + (y - cy) * sin) <= width / 2 + 1e-6
        assert abs((y - cy) * cos - (x - cx) * sin) <= height / 2 + 1e-6
    xs, ys = zip(*points, strict=True)
    assert width * height <= (max(xs) - min(xs)) * (max(ys) - min(ys)) + 1e-6
    assert -45.0001 <= degrees <= 45.0001
