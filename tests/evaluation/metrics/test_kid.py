from __future__ import annotations

import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.image.kid import KernelInceptionDistance

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import Sampled, patient_draws
from fetalflex.evaluation.metrics.kid import FeatureSet, kernel_distance, kid

WIDTH = 64
draws_of = functools.cache(patient_draws)


def feature_set(features: np.ndarray, name: str, seed: int = 0, patients: tuple[str, ...] = ()) -> FeatureSet:
    """Every image is of a patient of its own, unless told otherwise."""
    patients = patients or tuple(f"{name}{i}" for i in range(len(features)))
    return FeatureSet(features, patients, draws_of(patients, seed))


def strangers(seed: int, first: int, second: int, shift: float = 0.0) -> tuple[FeatureSet, FeatureSet]:
    """Two sets without common patients."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(first, WIDTH)), rng.normal(shift, 1.0, (second, WIDTH))
    return feature_set(x, "x"), feature_set(y, "y", seed=1)


def pairs(seed: int, patients: int, each: int = 1, shift: float = 0.0) -> tuple[FeatureSet, FeatureSet]:
    """Two sets from one distribution but for the shift; pairs correlate by a half, images of a patient somewhat less.

    Real images of one patient (0.5) are more alike than a synthesis and another real image of its patient (0.25).
    """
    rng = np.random.default_rng(seed)
    count = patients * each

    def of_patients() -> np.ndarray:
        return np.repeat(rng.normal(size=(patients, WIDTH)), each, axis=0)

    common, of_pair = of_patients(), rng.normal(size=(count, WIDTH))
    x, y = ((common + of_patients() + of_pair + rng.normal(size=(count, WIDTH))) / 2 for _ in range(2))
    names = tuple(str(i) for i in np.repeat(range(patients), each))
    return feature_set(x, "", 0, names), feature_set(y + shift, "", 0, names)


class AlreadyFeatures(torch.nn.Module):
    """Stand where torchmetrics expects a network: what comes is features already."""

    num_features = WIDTH

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


@pytest.mark.filterwarnings("ignore:Metric `Kernel Inception Distance` will save")
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_of_strangers_it_equals_torchmetrics(shift: float) -> None:
    x, y = strangers(0, 40, 40, shift)
    metric = KernelInceptionDistance(feature=AlreadyFeatures(), subsets=1, subset_size=40).set_dtype(torch.float64)
    metric.update(torch.from_numpy(x.features), real=True)
    metric.update(torch.from_numpy(y.features), real=False)
    mean, _ = metric.compute()
    assert kernel_distance(x, y) == pytest.approx(float(mean), rel=1e-6, abs=1e-9)


def test_it_is_the_mean_over_images_of_different_patients() -> None:
    x, y = pairs(0, 4, each=2, shift=0.2)
    different = [(i, j) for i in range(8) for j in range(8) if i // 2 != j // 2]

    def mean(a: FeatureSet, b: FeatureSet) -> float:
        return float(np.mean([(a.features[i] @ b.features[j] / WIDTH + 1) ** 3 for i, j in different]))

    assert kernel_distance(x, y) == pytest.approx(mean(x, x) + mean(y, y) - 2 * mean(x, y))


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 12), st.integers(2, 12))
def test_it_is_symmetric(seed: int, first: int, second: int) -> None:
    x, y = strangers(seed, first, second, 0.5)
    assert kernel_distance(x, y) == pytest.approx(kernel_distance(y, x))


def test_equal_images_in_both_sets_have_distance_0() -> None:
    x, _ = pairs(0, 12)
    assert kernel_distance(x, x) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("sets", ["strangers", "pairs", "several images of a patient"])
def test_it_is_unbiased_for_sets_of_one_distribution(sets: str) -> None:
    """Though the images of a pair, or of a patient, are alike."""
    found = np.array([kernel_distance(*equal_sets(sets, seed)) for seed in range(200)])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found))


@pytest.mark.parametrize("sets", ["strangers", "pairs", "several images of a patient"])
def test_intervals_hold_the_truth_and_their_own_value(sets: str) -> None:
    found = [kid(*equal_sets(sets, seed)) for seed in range(60)]
    assert sum(holds(one, 0) for one in found) >= 0.9 * len(found)
    assert sum(holds(one, one.value) for one in found) >= 0.98 * len(found)


def equal_sets(sets: str, seed: int) -> tuple[FeatureSet, FeatureSet]:
    if sets == "strangers":
        return strangers(seed, 16, 16)
    return pairs(seed, 16) if sets == "pairs" else pairs(seed, 8, each=2)


def holds(sampled: Sampled, value: float) -> bool:
    estimate = sampled.estimate
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= value <= estimate.high


def test_it_grows_with_the_difference_of_sets() -> None:
    distances = [kernel_distance(*strangers(0, 200, 200, shift)) for shift in (0.0, 0.3, 0.6, 1.0)]
    assert distances == sorted(distances)
    assert distances[1] > 10 * abs(distances[0])


def test_a_shift_is_as_large_between_pairs_as_between_strangers() -> None:
    of_strangers = np.mean([kernel_distance(*strangers(seed, 16, 16, 0.5)) for seed in range(200)])
    of_pairs = np.mean([kernel_distance(*pairs(seed, 16, shift=0.5)) for seed in range(200)])
    assert of_pairs == pytest.approx(of_strangers, rel=0.05)


def test_a_draw_equals_the_distance_of_the_images_drawn() -> None:
    x, y = strangers(0, 6, 5)
    x_draws, y_draws = np.array([[1, 0, 1, 1, 0, 1.0]]), np.array([[0, 1, 1, 0, 1.0]])
    drawn = kid(FeatureSet(x.features, x.patients, x_draws), FeatureSet(y.features, y.patients, y_draws)).drawn
    parts = [
        feature_set(one.features[draws[0] > 0], name) for one, draws, name in ((x, x_draws, "x"), (y, y_draws, "y"))
    ]
    assert drawn[0] == pytest.approx(kernel_distance(*parts))


def test_draws_scatter_around_the_distance() -> None:
    """Comparing a patient drawn twice with the same patient would move them all."""
    for result in (kid(*strangers(0, 30, 30)), kid(*pairs(0, 30)), kid(*pairs(0, 15, each=2))):
        assert abs(result.drawn.mean() - result.value) < result.drawn.std() / 3
        assert result.count == 30


def test_a_draw_of_a_single_patient_tells_nothing() -> None:
    x, _ = pairs(0, 3, each=2)
    drawn = FeatureSet(x.features, x.patients, np.array([[3.0, 3, 0, 0, 0, 0]]))
    assert np.isnan(kid(drawn, drawn).drawn).all()


def test_images_of_single_patients_are_refused() -> None:
    x, y = pairs(0, 1, each=3)[0], strangers(0, 2, 4)[1]
    with pytest.raises(FetalFlexError, match="at least two patients in each set, got 3 images of 1 and 4 of 4"):
        kernel_distance(x, y)
