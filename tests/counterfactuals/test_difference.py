from __future__ import annotations

import numpy as np

from fetalflex.counterfactuals.difference import BRIGHTER, DARKER, draw_difference


def test_brighter_and_darker_have_their_colours_and_nothing_is_black() -> None:
    picture = draw_difference(np.array([[0, 255, -255, 64, -64]], np.int16))
    assert picture.shape == (1, 5, 3)
    assert picture.dtype == np.uint8
    assert [tuple(pixel) for pixel in picture[0].tolist()] == [(0, 0, 0), BRIGHTER, DARKER, BRIGHTER, DARKER]


def test_strength_grows_with_the_difference_up_to_the_largest_shown() -> None:
    row = draw_difference(np.arange(0, 256, dtype=np.int16)[None], largest=100)[0].astype(int)
    assert (np.diff(row, axis=0) >= 0).all()
    assert np.abs(row[50] - np.array(BRIGHTER) / 2).max() <= 1
    assert (row[100:] == BRIGHTER).all()
    assert draw_difference(np.array([[1]], np.int16)).any()
