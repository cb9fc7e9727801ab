from __future__ import annotations

import numpy as np
import pytest

from fetalflex.training.colour_recovery import colour_recovery


def two_boxes(first: tuple[int, int, int], second: tuple[int, int, int]) -> np.ndarray:
    picture = np.zeros((1, 20, 20, 3), np.uint8)
    picture[0, 2:6, 2:6] = first
    picture[0, 8:18, 8:18] = second
    return picture


RED_AND_BLUE = two_boxes((200, 0, 0), (0, 0, 200))


def test_a_perfect_copy_keeps_every_colour() -> None:
    assert colour_recovery(RED_AND_BLUE, RED_AND_BLUE) == 1


def test_a_paler_copy_keeps_them_too() -> None:
    assert colour_recovery(RED_AND_BLUE, two_boxes((160, 40, 40), (40, 40, 160))) == 1


def test_small_structures_count_as_much_as_large_ones() -> None:
    assert colour_recovery(RED_AND_BLUE, two_boxes((0, 0, 200), (0, 0, 200))) == pytest.approx(0.5)


def test_a_structure_that_has_gone_black_is_lost() -> None:
    assert colour_recovery(RED_AND_BLUE, np.zeros_like(RED_AND_BLUE)) == 0


def test_without_structures_there_is_nothing_to_recover() -> None:
    assert np.isnan(colour_recovery(np.zeros_like(RED_AND_BLUE), RED_AND_BLUE))
