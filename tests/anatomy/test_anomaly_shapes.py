from __future__ import annotations

import math

import numpy as np
import pytest
from anatomy_strategies import boxes
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import Box
from fetalflex.anatomy.anomalies.shapes import holds, overlap, reach_in_ellipse, reach_in_image, touching_distance

TURNS = st.floats(0, 2 * math.pi)


def share_of_pixels(a: Box, b: Box) -> float:
    """Overlap counted on a grid of 600 x 600 over the smaller ellipse."""
    smaller, larger = sorted((a, b), key=lambda box: box.area)
    x, y = np.meshgrid(*[(np.arange(600) + 0.5) / 300 - 1] * 2)
    inside = x**2 + y**2 < 1
    cos, sin = smaller.cos_sin()
    u, v = x[inside] * smaller.width / 2, y[inside] * smaller.height / 2
    px, py = smaller.cx + u * cos - v * sin - larger.cx, smaller.cy + u * sin + v * cos - larger.cy
    cos, sin = larger.cos_sin()
    along, across = (px * cos + py * sin) / (larger.width / 2), (py * cos - px * sin) / (larger.height / 2)
    return float((along**2 + across**2 < 1).mean())


@settings(max_examples=25)
@given(boxes(), boxes())
def test_overlap_is_that_of_a_fine_grid(a, b):
    assert overlap(a, b) == pytest.approx(share_of_pixels(a, b), abs=0.01)


@given(boxes(), boxes())
def test_overlap_is_symmetric(a, b):
    assert overlap(a, b) == overlap(b, a)


def test_overlap_of_a_thin_cross_is_exact():
    # Two ellipses of 16 x 1 that cross at right angles share 4 a b atan(b / a) of a b pi, with a = 16 and b = 1.
    share = 4 * math.atan(1 / 16) / math.pi
    assert overlap(Box(4, 3, 1, 16), Box(4, 3, 16, 1)) == pytest.approx(share, abs=1e-3)


def test_overlap_of_what_lies_in_the_other_is_whole():
    assert overlap(Box(50, 50, 60, 40, 20), Box(52, 48, 10, 6, -35)) == pytest.approx(1)


@settings(max_examples=25)
@given(boxes(), boxes(), TURNS)
def test_ellipses_at_the_touching_distance_meet_in_one_point(a, b, turn):
    direction = math.cos(turn), math.sin(turn)
    distance = touching_distance(a, b, direction)

    def at(factor: float) -> Box:
        return Box(
            a.cx + factor * distance * direction[0], a.cy + factor * distance * direction[1], b.width, b.height, b.angle
        )

    assert overlap(a, at(1.01)) == 0
    thinnest = min(a.width, a.height, b.width, b.height) / max(a.width, a.height, b.width, b.height)
    if thinnest > 0.2:
        assert share_of_pixels(a, at(0.9)) > 0


def test_circles_touch_at_the_sum_of_their_radii():
    assert touching_distance(Box(0, 0, 30, 30), Box(5, 5, 10, 10), (0.6, 0.8)) == pytest.approx(20, rel=1e-5)


def test_reach():
    outline = Box(100, 50, 80, 40)
    assert reach_in_ellipse(outline, outline) == pytest.approx(1)
    assert reach_in_ellipse(Box(100, 50, 40, 20), outline) == pytest.approx(0.5)
    assert reach_in_ellipse(Box(130, 50, 20, 4), outline) == pytest.approx(1, abs=1e-3)
    assert reach_in_image(Box(100, 50, 20, 20), 200, 100) == pytest.approx(0.2)
    assert reach_in_image(Box(195, 50, 20, 20), 200, 100) == pytest.approx(1.05)


@settings(max_examples=25)
@given(boxes(), boxes(), st.floats(-180, 180))
def test_reach_does_not_depend_on_how_both_lie(box, outline, degrees):
    turned = reach_in_ellipse(box.rotated_about(3, 4, degrees), outline.rotated_about(3, 4, degrees))
    assert turned == pytest.approx(reach_in_ellipse(box, outline))


@settings(max_examples=25)
@given(boxes(), st.floats(0.1, 1))
def test_a_box_holds_its_smaller_self(box, factor):
    assert holds(box, box.scaled(factor))
    assert not holds(box, box.scaled(1.1))
    assert not holds(box, box.translated(2 * box.width + 2 * box.height, 0))
