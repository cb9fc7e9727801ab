from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics.frechet import few_images_warning, frechet_distance


def features(seed: int, count: int, width: int = 8, shift: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(shift, 1.0, (count, width)) @ np.diag(np.linspace(0.5, 2, width))


def by_matrices(x: np.ndarray, y: np.ndarray) -> float:
    """The formula as it is printed."""
    shift, covariances = x.mean(axis=0) - y.mean(axis=0), [np.cov(part, rowvar=False) for part in (x, y)]
    root = np.real(linalg.sqrtm(covariances[0] @ covariances[1]))
    return float(shift @ shift + np.trace(covariances[0] + covariances[1] - 2 * root))


@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_it_equals_the_formula(shift: float) -> None:
    x, y = features(0, 60), features(1, 50, shift=shift)
    assert frechet_distance(x, y) == pytest.approx(by_matrices(x, y), rel=1e-9)


def test_it_is_exact_with_fewer_images_than_features() -> None:
    """Features that lie in a plane have the distance that they have in the plane."""
    x, y = features(0, 10, 2), features(1, 12, 2, shift=1.0)
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(40, 2)))
    assert frechet_distance(x @ turn.T, y @ turn.T) == pytest.approx(by_matrices(x, y), rel=1e-9)


def test_of_normal_distributions_in_one_dimension() -> None:
    """It is the squared difference of means plus that of standard deviations."""
    x = np.array([[-1.0], [1.0]])
    y = 3 * x + 4
    assert frechet_distance(x, y) == pytest.approx(4**2 + (2 * np.sqrt(2)) ** 2)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 12))
def test_it_is_symmetric_and_not_negative(seed: int, first: int, second: int) -> None:
    x, y = features(seed, first), features(seed + 1, second)
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x))
    assert frechet_distance(x, y) > 0
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_few_images_raise_it_and_a_warning_says_so() -> None:
    few, many = (frechet_distance(features(0, count), features(1, count)) for count in (20, 2000))
    assert few > 10 * many
    assert few_images_warning("FID", 20_000, 1280) is None
    warning = few_images_warning("FID", 16, 1280)
    assert warning is not None
    assert "16 images with 1280 features" in warning


def test_single_images_are_refused() -> None:
    with pytest.raises(FetalFlexError, match="FID needs at least two images in each set, got 1 and 4"):
        frechet_distance(features(0, 1), features(1, 4))
