from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fetalflex.evaluation.intervals import (
    Estimate,
    mean_of,
    patient_draws,
    patients_share,
    sampled_mean,
    sampled_ratio,
    share_estimate,
)


def test_shares_over_patients_that_occur_twice_are_drawn_by_patient() -> None:
    hits, patients = [True, False] * 6, [str(number // 2) for number in range(12)]
    assert patients_share(hits, [str(number) for number in range(12)]) == share_estimate(6, 12)
    assert patients_share(hits, patients) == Estimate(0.5, 0.5, 0.5, 12)  # every patient's share is one half


@given(st.integers(1, 300), st.data())
def test_shares_have_wilsons_interval(count: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, count))
    expected = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
    estimate = share_estimate(successes, count)
    assert estimate.low == pytest.approx(expected.low, abs=1e-12)
    assert estimate.high == pytest.approx(expected.high, abs=1e-12)
    assert estimate.value == successes / count


def test_each_draw_takes_as_many_patients_as_there_are_and_all_their_images() -> None:
    patients = ["a", "b", "a", "c", "d", "e"]
    counts = patient_draws(patients, draws=200)
    assert counts.shape == (200, 6)
    np.testing.assert_array_equal(counts[:, 0], counts[:, 2])
    np.testing.assert_array_equal(counts[:, [0, 1, 3, 4, 5]].sum(axis=1), 5)


def test_draws_are_repeatable_and_depend_on_the_seed() -> None:
    patients = [str(i) for i in range(10)]
    np.testing.assert_array_equal(patient_draws(patients), patient_draws(patients))
    assert not np.array_equal(patient_draws(patients), patient_draws(patients, seed=1))


def test_the_interval_of_a_mean_is_near_the_textbook_one() -> None:
    values = np.random.default_rng(0).normal(5, 2, 200)
    estimate = sampled_mean(values, patient_draws([str(i) for i in range(200)])).estimate
    half = 1.96 * values.std() / math.sqrt(200)
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.06)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.06)


def test_images_of_one_patient_widen_the_interval() -> None:
    values = np.repeat(np.random.default_rng(0).normal(0, 1, 20), 10)
    single = sampled_mean(values, patient_draws([str(i) for i in range(200)])).estimate
    grouped = sampled_mean(values, patient_draws([str(i // 10) for i in range(200)])).estimate
    widths = [e.high - e.low for e in (single, grouped) if e.high is not None and e.low is not None]
    assert widths[1] > 2 * widths[0]


def test_infinite_values_make_an_infinite_mean_and_json_null() -> None:
    estimate = sampled_mean(np.array([1.0, 1, 1, 1, np.inf]), patient_draws(list("abcde"))).estimate
    assert estimate.value == math.inf
    assert estimate.low == 1.0
    assert estimate.to_dict() == {"value": None, "low": 1.0, "high": None, "count": 5}


@pytest.mark.parametrize("patients", ["a", "abcd", "aaaaabbbbb"])
def test_of_fewer_than_five_patients_there_is_no_interval(patients: str) -> None:
    count = len(patients)
    estimate = sampled_mean(np.full(count, 3.0), patient_draws(list(patients))).estimate
    assert estimate == Estimate(3.0, None, None, count)


def test_planes_weigh_the_same_whatever_their_size() -> None:
    small = sampled_mean(np.zeros(5), patient_draws(list("abcde")))
    large = sampled_mean(np.ones(50), patient_draws([str(i) for i in range(50)]))
    assert mean_of([small, large]).estimate == Estimate(0.5, 0.5, 0.5, 55)


def test_independent_draws_make_the_mean_of_planes_surer_than_each_plane() -> None:
    values = np.random.default_rng(0).normal(size=40)
    ids = [str(i) for i in range(40)]
    planes = [sampled_mean(values, patient_draws(ids, seed=seed)) for seed in range(4)]
    assert mean_of(planes).drawn.std() == pytest.approx(planes[0].drawn.std() / 2, rel=0.15)


def test_a_ratio_is_that_of_the_sums_in_every_draw() -> None:
    rng = np.random.default_rng(1)
    above, below = rng.random(12) + 1, rng.random(12) + 2
    counts = patient_draws([str(i) for i in range(12)])
    ratio = sampled_ratio(above, below, counts)
    assert ratio.value == pytest.approx(above.sum() / below.sum())
    drawn = np.repeat(np.arange(12), counts[3].astype(int))
    assert ratio.drawn[3] == pytest.approx(above[drawn].sum() / below[drawn].sum())
    assert ratio.estimate.low < ratio.value < ratio.estimate.high
    assert sampled_ratio(below, below, counts).estimate == Estimate(1.0, 1.0, 1.0, 12)
