from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.finishing.pasting import paste

RNG = np.random.default_rng(0)
SOURCE, SYNTHETIC = (RNG.integers(0, 256, (20, 30), dtype=np.uint8) for _ in range(2))


def square() -> np.ndarray:
    region = np.zeros((20, 30), bool)
    region[4:16, 5:25] = True
    return region


@given(st.integers(0, 12), st.integers(0, 2**32))
def test_outside_the_region_nothing_changes(feather: int, seed: int) -> None:
    region = np.random.default_rng(seed).random((20, 30)) < 0.4
    pasted = paste(SYNTHETIC, SOURCE, region, feather)
    assert np.array_equal(pasted[~region], SOURCE[~region])
    assert (pasted >= np.minimum(SYNTHETIC, SOURCE)).all()
    assert (pasted <= np.maximum(SYNTHETIC, SOURCE)).all()


def test_without_feather_the_region_is_all_synthetic() -> None:
    region = square()
    assert np.array_equal(paste(SYNTHETIC, SOURCE, region, 0), np.where(region, SYNTHETIC, SOURCE))


def test_the_blending_grows_with_the_distance_from_what_is_kept() -> None:
    bright, dark = np.full((20, 30), 200, np.uint8), np.zeros((20, 30), np.uint8)
    pasted = paste(bright, dark, square(), 3)
    assert pasted[10, 4:10].tolist() == [0, 50, 100, 150, 200, 200]


def test_at_a_border_of_the_region_where_nothing_is_kept_nothing_is_blended() -> None:
    bright, dark = np.full((20, 30), 200, np.uint8), np.zeros((20, 30), np.uint8)
    kept = ~square()
    kept[:, :15] = False
    pasted = paste(bright, dark, square(), 3, kept)
    assert (pasted[4:16, 5] == 200).all()
    assert pasted[10, 20:26].tolist() == [200, 200, 150, 100, 50, 0]
    assert np.array_equal(paste(bright, dark, square(), 3, np.zeros((20, 30), bool)), np.where(square(), bright, dark))
