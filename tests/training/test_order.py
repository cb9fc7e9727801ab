from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.training.order import ShuffledOrder, generator_at


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_each_epoch_shows_samples_of_equal_weight_once(size: int, seed: int, epoch: int) -> None:
    indices = ShuffledOrder(np.full(size, 2.5), seed).indices(epoch * size, size)
    assert sorted(indices.tolist()) == list(range(size))


@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.integers(0, 5))
def test_in_an_epoch_a_sample_comes_as_often_as_its_weight_says_to_within_one(weights: list[float], seed: int) -> None:
    size = len(weights)
    counts = np.bincount(ShuffledOrder(weights, seed).indices(3 * size, size), minlength=size)
    expected = np.array(weights) / np.mean(weights)
    assert counts.sum() == size
    assert (counts >= np.floor(expected - 1e-9)).all()
    assert (counts <= np.ceil(expected + 1e-9)).all()


def test_over_many_epochs_samples_come_as_often_as_their_weights_say() -> None:
    weights = np.array([1.0, 1.0, 4.0, 0.3, 1.7])
    counts = np.bincount(ShuffledOrder(weights, 0).indices(0, 5 * 4000), minlength=5) / 4000
    np.testing.assert_allclose(counts, weights / weights.mean(), atol=0.05)


@given(st.integers(1, 20), st.lists(st.integers(0, 9), max_size=12))
def test_the_stream_is_the_same_however_it_is_cut(size: int, counts: list[int]) -> None:
    weights = np.arange(1, size + 1)
    order, parts, start = ShuffledOrder(weights, 0), [], 0
    for count in counts:
        parts.append(order.indices(start, count))
        start += count
    assert np.array_equal(
        np.concatenate([np.empty(0, np.int64), *parts]), ShuffledOrder(np.arange(1, size + 1), 0).indices(0, start)
    )


def test_reading_on_after_going_back_gives_the_same() -> None:
    order = ShuffledOrder(np.ones(7), 3)
    late = order.indices(30, 5)
    order.indices(0, 5)
    assert np.array_equal(order.indices(30, 5), late)


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    first, second = ShuffledOrder(np.ones(50), 0).indices(0, 100).reshape(2, 50)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, ShuffledOrder(np.ones(50), 1).indices(0, 50))


@pytest.mark.parametrize("weights", [[], [1.0, 0.0], [-1.0], [math.nan], [[1.0]]])
def test_there_must_be_something_to_shuffle(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one number, all above 0"):
        ShuffledOrder(weights, 0)


def draws(*place: object) -> torch.Tensor:
    return torch.rand(4, generator=generator_at(*place))


def test_random_numbers_depend_on_seed_purpose_and_position_alone() -> None:
    first = draws(1, "step/0", 64)
    torch.manual_seed(99)
    assert torch.equal(draws(1, "step/0", 64), first)
    others = [draws(2, "step/0", 64), draws(1, "step/1", 64), draws(1, "step/0", 65), draws(1, "step/", 64)]
    assert all(not torch.equal(first, other) for other in others)
