from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rulers_helpers import SHAPE, box, ellipse, noise
from scipy.stats import wasserstein_distance

from fetalflex.rulers.tone import ring_of, tone


def test_an_image_has_the_tone_of_itself() -> None:
    found = tone(noise(), noise(), ellipse())
    assert (found.shift, found.spread_ratio, found.distance) == (0, 1, 0)
    assert found.ring == found.real_ring


@settings(max_examples=25, deadline=None)
@given(st.floats(-100, 100))
def test_an_offset_inside_moves_the_tone_by_just_that(offset: float) -> None:
    region = ellipse()
    found = tone(noise(), noise() + offset * region, region)
    assert found.shift == pytest.approx(offset, abs=1e-9)
    assert found.distance == pytest.approx(abs(offset), abs=1e-9)
    assert found.spread_ratio == pytest.approx(1)
    assert found.ring - found.real_ring == pytest.approx(offset, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.2, 3), st.floats(0.05, 1.2))
def test_the_distance_is_scipys(seed: int, gain: float, share: float) -> None:
    region = ellipse(share=share)
    real, synthetic = noise(seed), gain * noise(seed + 1)
    found = tone(real, synthetic, region)
    assert found.distance == pytest.approx(wasserstein_distance(real[region], synthetic[region]))
    assert found.spread_ratio == pytest.approx(synthetic[region].std() / real[region].std())


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000))
def test_nothing_outside_counts_but_for_the_ring(seed: int) -> None:
    region = ellipse()
    first = tone(noise(1), noise(2), region)
    second = tone(np.where(region, noise(1), noise(seed)), np.where(region, noise(2), 0), region)
    assert (first.shift, first.distance, first.spread) == (second.shift, second.distance, second.spread)


def test_the_ring_lies_round_the_region() -> None:
    region = box(slice(40, 60), slice(50, 90))
    ring = ring_of(region)
    rows, columns = np.indices(SHAPE)
    away = np.hypot(np.clip(40 - rows, 0, None) + np.clip(rows - 59, 0, None), _beyond(columns, 50, 89))
    np.testing.assert_array_equal(ring, (away > 0) & (away <= 16))


def _beyond(places: np.ndarray, low: int, high: int) -> np.ndarray:
    return np.clip(low - places, 0, None) + np.clip(places - high, 0, None)


def test_the_ring_difference_is_that_of_the_means() -> None:
    region = ellipse()
    image = np.where(region, 80.0, 50.0)
    found = tone(image, image + 7 * region, region)
    assert found.real_ring == 30
    assert found.ring == 37


def test_a_whole_image_has_no_ring_and_a_flat_one_no_spread() -> None:
    whole = np.ones(SHAPE, np.bool_)
    found = tone(np.full(SHAPE, 9.0), noise(), whole)
    assert math.isnan(found.ring)
    assert math.isnan(found.spread_ratio)


def test_whole_levels_do_not_overflow() -> None:
    region = ellipse()
    found = tone(np.full(SHAPE, 250, np.uint8), np.full(SHAPE, 10, np.uint8), region)
    assert found.shift == -240
    assert found.distance == 240
