from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import KernelInceptionDistance

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import patient_draws
from fetalflex.evaluation.kid import (
    drawn_kernel_distances,
    drawn_kernel_distances_of_pairs,
    kernel_distance,
    kernel_distance_of_pairs,
    kid,
    kid_of_pairs,
)


def features(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, 16))


def pairs(seed: int, count: int, alike: float, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Sets from one distribution but for the shift, whose pairs correlate by `alike`."""
    rng = np.random.default_rng(seed)
    common, x, y = rng.normal(size=(3, count, 64))
    return tuple(np.sqrt(alike) * common + np.sqrt(1 - alike) * own for own in (x, y + shift / np.sqrt(1 - alike)))


class AlreadyFeatures(torch.nn.Module):
    """Stand where torchmetrics expects a network: what comes is features already."""

    num_features = 16

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_it_equals_torchmetrics(shift: float) -> None:
    x, y = features(0, 40), features(1, 40, shift)
    metric = KernelInceptionDistance(feature=AlreadyFeatures(), subsets=1, subset_size=40).set_dtype(torch.float64)
    metric.update(torch.from_numpy(x), real=True)
    metric.update(torch.from_numpy(y), real=False)
    mean, _ = metric.compute()
    assert kernel_distance(x, y) == pytest.approx(float(mean), rel=1e-6, abs=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 12))
def test_it_is_symmetric(seed: int, first: int, second: int) -> None:
    x, y = features(seed, first), features(seed + 1, second, 0.5)
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(y, x))


def test_it_is_unbiased_for_sets_of_one_distribution_and_grows_with_their_difference() -> None:
    same = [kernel_distance(features(i, 20), features(1000 + i, 20)) for i in range(200)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(len(same))
    distances = [kernel_distance(features(0, 200), features(1, 200, shift)) for shift in (0.0, 0.3, 0.6, 1.0)]
    assert distances == sorted(distances)
    assert distances[1] > 10 * abs(distances[0])


def test_a_draw_equals_the_distance_of_the_sets_drawn() -> None:
    x, y = features(0, 6), features(1, 5)
    x_draws, y_draws = np.array([[1, 0, 1, 1, 0, 1.0]]), np.array([[0, 1, 1, 0, 1.0]])
    expected = kernel_distance(x[x_draws[0] > 0], y[y_draws[0] > 0])
    assert drawn_kernel_distances(x, y, x_draws, y_draws)[0] == pytest.approx(expected)


def test_draws_scatter_around_the_distance() -> None:
    """Comparing an image drawn twice with itself would lift them all."""
    x, y = features(0, 30), features(1, 30)
    draws = patient_draws([str(i) for i in range(30)])
    result = kid(x, y, draws, patient_draws([str(i) for i in range(30)], seed=1))
    spread = result.drawn.std()
    assert abs(result.drawn.mean() - result.value) < spread / 4
    estimate = result.estimate
    assert estimate.low is not None
    assert estimate.high is not None
    assert estimate.low < estimate.value < estimate.high
    assert estimate.count == 30


def test_a_draw_of_a_single_image_tells_nothing() -> None:
    x = features(0, 3)
    distances = drawn_kernel_distances(x, x, np.array([[3.0, 0, 0]]), np.array([[1.0, 1, 1]]))
    assert np.isnan(distances).all()


def test_pairs_that_resemble_each_other_do_not_make_two_sets_look_alike() -> None:
    """Of sets at distance 0 whose pairs correlate by a half, the mean is 0; with the pairs it would lie far below."""
    sets = [pairs(seed, 16, alike=0.5) for seed in range(200)]
    found = np.array([kernel_distance_of_pairs(*each) for each in sets])
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean()) < 3 * error
    assert np.mean([kernel_distance(*each) for each in sets]) < -20 * error


def test_intervals_of_pairs_hold_the_truth_and_their_own_value() -> None:
    draws = patient_draws([str(i) for i in range(16)])
    estimates = [kid_of_pairs(*pairs(seed, 16, alike=0.5), draws).estimate for seed in range(100)]
    assert sum(one.low <= 0 <= one.high for one in estimates if one.low is not None and one.high is not None) >= 90
    assert all(one.low < one.value < one.high for one in estimates if one.low is not None and one.high is not None)


def test_pairs_that_are_unlike_give_what_independent_sets_give() -> None:
    sets = [pairs(seed, 16, alike=0.0, shift=0.5) for seed in range(200)]
    found = np.array([kernel_distance_of_pairs(*each) for each in sets])
    expected = np.array([kernel_distance(*each) for each in sets])
    assert found.mean() == pytest.approx(expected.mean(), rel=0.02)
    assert found.std() == pytest.approx(expected.std(), rel=0.1)


def test_the_distance_of_pairs_is_that_of_the_formula() -> None:
    x, y = pairs(0, 5, alike=0.5, shift=0.2)
    different = [(i, j) for i in range(5) for j in range(5) if i != j]

    def mean(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean([(a[i] @ b[j] / 64 + 1) ** 3 for i, j in different]))

    assert kernel_distance_of_pairs(x, y) == pytest.approx(mean(x, x) + mean(y, y) - 2 * mean(x, y))


def test_a_draw_of_pairs_equals_the_distance_of_the_pairs_drawn() -> None:
    x, y = pairs(0, 6, alike=0.5)
    draws = np.array([[1, 0, 1, 1, 0, 1.0], [0, 0, 4, 0, 0, 0]])
    found = drawn_kernel_distances_of_pairs(x, y, draws)
    assert found[0] == pytest.approx(kernel_distance_of_pairs(x[draws[0] > 0], y[draws[0] > 0]))
    assert np.isnan(found[1])


def test_equal_images_in_both_sets_have_distance_0() -> None:
    x = features(0, 12)
    assert kernel_distance_of_pairs(x, x) == pytest.approx(0, abs=1e-12)


def test_sets_of_different_size_are_not_pairs() -> None:
    with pytest.raises(FetalFlexError, match="as many images in one set as in the other, got 3 and 4"):
        kernel_distance_of_pairs(features(0, 3), features(1, 4))


def test_single_images_are_refused() -> None:
    with pytest.raises(FetalFlexError, match="at least two images in each set, got 1 and 4"):
        kernel_distance(features(0, 1), features(1, 4))
