from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ellipe

from fetalflex.data.importers.ellipses import Ellipse, fit_ellipse
from fetalflex.errors import FetalFlexError

axes = st.tuples(st.floats(5, 400), st.floats(0.3, 0.98)).map(lambda drawn: (drawn[0], drawn[0] * drawn[1]))
ellipses = st.builds(
    lambda cx, cy, semi_axes, angle: Ellipse(cx, cy, *semi_axes, angle),
    st.floats(-200, 1000),
    st.floats(-200, 1000),
    axes,
    st.floats(-90, 89),
)


def points_on(ellipse: Ellipse, share: float = 1.0, count: int = 200) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi * share, count, endpoint=False)
    along, across = ellipse.semi_axis_a * np.cos(turn), ellipse.semi_axis_b * np.sin(turn)
    cos, sin = math.cos(math.radians(ellipse.angle)), math.sin(math.radians(ellipse.angle))
    return np.stack([ellipse.cx + along * cos - across * sin, ellipse.cy + along * sin + across * cos], axis=1)


def assert_same(found: Ellipse, expected: Ellipse, tolerance: float) -> None:
    assert found.cx == pytest.approx(expected.cx, abs=tolerance)
    assert found.cy == pytest.approx(expected.cy, abs=tolerance)
    assert found.box().iou(expected.box()) > 1 - tolerance / expected.semi_axis_b


@given(ellipses)
@settings(max_examples=60)
def test_an_ellipse_is_found_from_its_points(expected):
    points = points_on(expected)
    found = fit_ellipse(points)
    assert_same(found, expected, 1e-4)
    assert found.semi_axis_a >= found.semi_axis_b
    assert found.mean_offset(points) < 1e-5


def test_two_thirds_of_an_ellipse_with_noise_will_do():
    expected = Ellipse(400, 270, 180, 140, 25)
    points = points_on(expected, share=2 / 3) + np.random.default_rng(0).normal(0, 0.5, (200, 2))
    assert_same(fit_ellipse(points), expected, 3)


def test_the_angle_is_clockwise_on_the_screen():
    falling = np.array([[0, 0], [10, 10], [5, 4], [4, 5], [2, 1], [1, 2], [9, 8], [8, 9]], dtype=np.float64)
    assert math.cos(math.radians(2 * (fit_ellipse(falling).angle - 45))) == pytest.approx(1, abs=0.01)


@given(axes)
@settings(max_examples=40)
def test_circumference_is_the_elliptic_integral(semi_axes):
    a, b = semi_axes
    assert Ellipse(0, 0, a, b, 0).circumference() == pytest.approx(4 * a * ellipe(1 - (b / a) ** 2), rel=1e-12)


def test_circumference_of_a_circle():
    assert Ellipse(3, 4, 10, 10, 0).circumference() == pytest.approx(20 * math.pi)


def test_offset_is_the_distance_from_the_curve():
    ring = points_on(Ellipse(0, 0, 103, 103, 0))
    assert Ellipse(0, 0, 100, 100, 0).mean_offset(ring) == pytest.approx(3, rel=0.02)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (np.zeros((0, 2)), "at least 6"),
        (np.array([[float(i), i * i] for i in range(5)]), "at least 6"),
        (np.array([[float(i), 2.0 * i] for i in range(20)]), "on one line"),
        (np.array([[float(i), 7.0] for i in range(20)]), "on one line"),
        (np.full((20, 2), 5.0), "on one line"),
    ],
)
def test_points_without_an_ellipse_are_refused(points, reason):
    with pytest.raises(FetalFlexError, match=reason):
        fit_ellipse(points)
