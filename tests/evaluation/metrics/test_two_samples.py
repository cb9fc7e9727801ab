from __future__ import annotations

import numpy as np
import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import Estimate
from fetalflex.evaluation.metrics.two_samples import PairedNumbers, TwoSamples, tell_apart


def numbers(seed: int, patients: int, each: int = 1, width: int = 8, shift: float = 0.0) -> PairedNumbers:
    """Pairs that correlate by 0.8, images of a patient by 0.3; the first number of synthetic ones is shifted."""
    rng = np.random.default_rng(seed)
    count = patients * each
    common = np.repeat(rng.normal(size=(patients, width)), each, axis=0) * 0.3**0.5
    of_pair = rng.normal(size=(count, width)) * 0.5**0.5
    real, synthetic = (common + of_pair + rng.normal(size=(count, width)) * 0.2**0.5 for _ in range(2))
    synthetic[:, 0] += shift
    names = tuple(f"number {index}" for index in range(width))
    return PairedNumbers(names, real, synthetic, tuple(str(i) for i in np.repeat(range(patients), each)))


def told(given: PairedNumbers, seed: int = 0) -> TwoSamples:
    found = tell_apart(given, seed, draws=40)
    assert found is not None
    return found


def holds(estimate: Estimate, value: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= value <= estimate.high


@pytest.mark.parametrize("each", [1, 2])
def test_sets_from_one_distribution_cannot_be_told_apart(each: int) -> None:
    """Several images of a patient lend no hand: a patient is never in training and test at once."""
    found = [told(numbers(seed, 12, each, width=4), seed).auc for seed in range(5)]
    values = np.array([one.value for one in found])
    assert abs(values.mean() - 0.5) < 0.08
    assert sum(holds(one.estimate, 0.5) for one in found) >= 4
    assert all(holds(one.estimate, one.value) for one in found)


def test_shifted_sets_can() -> None:
    estimate = told(numbers(0, 20, shift=4.0)).auc.estimate
    assert estimate.value > 0.98
    assert not holds(estimate, 0.5)
    assert holds(estimate, estimate.value)


def test_they_can_with_more_numbers_than_images_too() -> None:
    given = numbers(0, 12, width=100)
    assert told(PairedNumbers(given.names, given.real, given.synthetic + 2, given.patients)).auc.value > 0.95


def test_what_gives_a_synthesis_away_is_named() -> None:
    found = told(numbers(0, 20, shift=4.0))
    assert found.synthetic_parts.shape == (20, 8)
    assert found.synthetic_parts.mean(axis=0).argmax() == 0
    assert np.mean(found.synthetic_parts.argmax(axis=1) == 0) > 0.9
    assert found.synthetic.mean() > 0 > found.real.mean()


def test_scores_are_the_sum_of_their_parts_but_for_a_constant() -> None:
    found = told(numbers(0, 20, shift=1.0))
    rest = found.synthetic - found.synthetic_parts.sum(axis=1)
    np.testing.assert_allclose(rest, found.real - found.real_parts.sum(axis=1), atol=1e-9)


def test_scale_and_unit_of_a_number_do_not_matter() -> None:
    given = numbers(0, 12, shift=1.0)
    scale = 10.0 ** np.arange(-3, 5)
    other = PairedNumbers(given.names, given.real * scale + 7, given.synthetic * scale + 7, given.patients)
    assert told(other).auc.value == pytest.approx(told(given).auc.value, abs=1e-3)


def test_numbers_that_cannot_be_told_say_nothing() -> None:
    given = numbers(0, 20, shift=3.0)
    real, synthetic = given.real.copy(), given.synthetic.copy()
    real[::3, 1] = synthetic[::3, 1] = np.nan
    real[:, 2] = synthetic[:, 2] = np.nan
    real[:, 3] = synthetic[:, 3] = 5.0
    found = told(PairedNumbers(given.names, real, synthetic, given.patients))
    assert found.auc.value > 0.9
    assert not found.synthetic_parts[:, 2:4].any()
    assert not found.real_parts[::3, 1].any()


def test_the_same_seed_gives_the_same_result() -> None:
    given = numbers(0, 8, width=3)
    first, again, other = (told(given, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.synthetic, again.synthetic)
    assert np.array_equal(first.auc.drawn, again.auc.drawn)
    assert not np.array_equal(first.synthetic, other.synthetic)


def test_few_patients_tell_nothing() -> None:
    given = numbers(0, 4, each=5)
    assert tell_apart(given) is None


def test_numbers_of_another_shape_are_refused() -> None:
    with pytest.raises(FetalFlexError, match=r"arrays of shape \(2, 1\), got \(2, 1\) and \(3, 1\)"):
        PairedNumbers(("a",), np.zeros((2, 1)), np.zeros((3, 1)), ("p", "q"))
