from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import KernelInceptionDistance

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import patient_draws
from fetalflex.evaluation.kid import drawn_kernel_distances, kernel_distance, kid


def features(seed: int, count: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, 16))


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


def test_single_images_are_refused() -> None:
    with pytest.raises(FetalFlexError, match="at least two images in each set, got 1 and 4"):
        kernel_distance(features(0, 1), features(1, 4))
