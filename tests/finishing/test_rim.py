from __future__ import annotations

import numpy as np
import pytest

from fetalflex.finishing.rim import difference_along_rim


def left_half() -> np.ndarray:
    region = np.zeros((40, 40), bool)
    region[:, :20] = True
    return region


def test_a_constant_difference_is_found_near_the_rim_alone() -> None:
    region = left_half()
    synthesis = np.full((40, 40), 50.0)
    found = difference_along_rim(synthesis + 12, synthesis, ~region, region, 3)
    assert found[:, 20:23] == pytest.approx(12)
    assert not found[:, :20].any()
    assert not found[:, 23:].any()


def test_speckle_is_averaged_and_text_left_out() -> None:
    region, rng = left_half(), np.random.default_rng(0)
    synthesis = np.full((40, 40), 50.0)
    source = synthesis + 12 + rng.normal(0, 10, (40, 40))
    source[10:13, 20:24] = 255
    found = difference_along_rim(source, synthesis, ~region, region, 3)[:, 20]
    assert np.abs(found - 12).max() < 9
    assert found.std() < 4


def test_what_the_source_shows_inside_does_not_count() -> None:
    region, rng = left_half(), np.random.default_rng(0)
    source, synthesis = rng.uniform(0, 255, (2, 40, 40))
    other = np.where(region, 255 - source, source)
    first, second = (difference_along_rim(it, synthesis, ~region, region, 3) for it in (source, other))
    assert np.array_equal(first, second)
