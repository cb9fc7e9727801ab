from __future__ import annotations

import numpy as np
import pytest

from fetalflex.training.region_numbers import region_numbers


def _speckle(seed: int, spread: float = 20) -> np.ndarray:
    return np.clip(np.rint(np.random.default_rng(seed).normal(120, spread, (3, 128, 128))), 0, 255).astype(np.uint8)


@pytest.fixture
def roi_mask() -> np.ndarray:
    mask = np.zeros((3, 16, 16), np.bool_)
    mask[:, 2:14, 3:13] = True
    return mask


def test_the_truth_differs_from_itself_in_nothing(roi_mask: np.ndarray) -> None:
    numbers = region_numbers(_speckle(0), _speckle(0), roi_mask)
    assert {name: numbers[name] for name in ("texture", "tone", "tone_distance")} == dict.fromkeys(
        ("texture", "tone", "tone_distance"), 0.0
    )
    assert {name: numbers[name] for name in ("seam", "texture_contrast", "tone_spread")} == dict.fromkeys(
        ("seam", "texture_contrast", "tone_spread"), 1.0
    )
    assert {name for name in numbers if name.startswith("texture_2")} == {
        "texture_210_250",
        "texture_250_290",
        "texture_290_330",
    }


def test_a_smoother_and_brighter_region_is_told_as_such(roi_mask: np.ndarray) -> None:
    numbers = region_numbers(_speckle(0), _speckle(1, 10) + 25, roi_mask)
    assert numbers["texture"] == pytest.approx(-6, abs=0.6)
    assert numbers["texture_contrast"] == pytest.approx(0.5, abs=0.03)
    assert numbers["tone"] == pytest.approx(25, abs=0.6)
    assert numbers["seam"] > 1.15


def test_what_lies_outside_the_regions_does_not_count(roi_mask: np.ndarray) -> None:
    truth, made = _speckle(0), _speckle(1)
    outside = ~roi_mask.repeat(8, axis=1).repeat(8, axis=2)
    assert region_numbers(truth, made, roi_mask) == region_numbers(truth, np.where(outside, 0, made), roi_mask)


def test_what_cannot_be_told_is_left_out(roi_mask: np.ndarray) -> None:
    small = np.zeros_like(roi_mask)
    small[0, 5, 5] = True
    numbers = region_numbers(_speckle(0), _speckle(1), small)
    assert "texture" not in numbers
    assert numbers["tone"] > 0
    whole = region_numbers(_speckle(0), _speckle(1), np.ones_like(roi_mask))
    assert "seam" not in whole
    assert "texture" in whole
    assert region_numbers(_speckle(0), _speckle(1), np.zeros_like(roi_mask)) == {}
