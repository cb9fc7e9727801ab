from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box
from fetalflex.detection.upright import upright, upright_corners


@given(st.floats(1, 100), st.floats(1, 100), st.floats(-90, 89.9))
def test_the_upright_box_touches_the_ellipse(width: float, height: float, angle: float) -> None:
    box = Box(0, 0, width, height, angle)
    turn = np.linspace(0, 2 * np.pi, 20_001)
    x, y = width / 2 * np.cos(turn), height / 2 * np.sin(turn)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    found = upright(box)
    assert not found.is_rotated
    assert found.width / 2 == pytest.approx((x * cos - y * sin).max(), rel=1e-6)
    assert found.height / 2 == pytest.approx((x * sin + y * cos).max(), rel=1e-6)


def test_an_upright_box_stays() -> None:
    box = Box(3, 4, 5, 6)
    assert upright(box) is box


def test_only_what_the_image_shows_counts() -> None:
    assert upright_corners(Box(0, 5, 4, 4), 10, 10) == (0, 3, 2, 7)
    assert upright_corners(Box(-5, 5, 4, 4), 10, 10) is None
