from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_helpers import ABDOMEN, STOMACH, abdomen
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import Box
from fetalflex.evaluation.adherence.dark_area import PRESENT, dark_area, dark_share


def test_a_dark_ellipse_fills_most_of_its_box() -> None:
    share = dark_share(abdomen(STOMACH), STOMACH, ABDOMEN)
    assert share == pytest.approx(math.pi / 4, abs=0.06)
    assert dark_area(abdomen(STOMACH), STOMACH, ABDOMEN) == pytest.approx(share * STOMACH.area, rel=0.01)


def test_where_nothing_is_dark_hardly_anything_counts() -> None:
    assert dark_share(abdomen(), STOMACH, ABDOMEN) < 0.05


@settings(max_examples=20)
@given(st.floats(0.3, 2.0), st.integers(0, 100))
def test_gain_and_speckle_do_not_matter(gain: float, seed: int) -> None:
    assert dark_share(abdomen(STOMACH, gain=gain, seed=seed), STOMACH, ABDOMEN) > PRESENT
    assert dark_share(abdomen(gain=gain, seed=seed), STOMACH, ABDOMEN) < PRESENT / 2


def test_a_larger_ellipse_is_a_larger_area_in_the_same_box() -> None:
    large = STOMACH.scaled(1.5)
    before, after = (dark_area(abdomen(box), large, ABDOMEN) for box in (STOMACH, large))
    assert after / before == pytest.approx(2.25, rel=0.1)


def test_what_is_dark_beyond_the_body_is_no_yardstick() -> None:
    """More than half of the surroundings of this box is dark fluid outside the abdomen."""
    box = Box(24, 80, 16, 60)
    image = abdomen(box)
    assert dark_share(image, box, ABDOMEN) > PRESENT > dark_share(image, box)


def test_a_box_beyond_the_image_holds_nothing() -> None:
    assert dark_area(abdomen(STOMACH), Box(-50, 80, 20, 20)) == 0.0


def test_a_black_image_has_no_darker_parts() -> None:
    assert dark_share(np.zeros((40, 40), np.uint8), Box(20, 20, 10, 10)) == 0.0
