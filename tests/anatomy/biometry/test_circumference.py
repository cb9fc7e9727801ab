from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ellipe

from fetalflex.anatomy.biometry.circumference import ellipse_circumference
from fetalflex.errors import FetalFlexError


@given(st.floats(1e-3, 1e4), st.floats(1e-3, 1))
def test_it_is_the_elliptic_integral(a, ratio):
    b = a * ratio
    assert ellipse_circumference(a, b) == pytest.approx(4 * a * ellipe(1 - ratio**2), rel=1e-10)
    assert ellipse_circumference(b, a) == pytest.approx(ellipse_circumference(a, b), rel=1e-10)


def test_of_a_circle():
    assert ellipse_circumference(10, 10) == pytest.approx(20 * math.pi)


@pytest.mark.parametrize(("a", "b"), [(0, 1), (1, -1), (math.nan, 1)])
def test_axes_must_be_positive(a, b):
    with pytest.raises(FetalFlexError, match="ellipse semi-axis"):
        ellipse_circumference(a, b)
