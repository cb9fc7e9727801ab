from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.training.order import ShuffledOrder, generator_at


@given(st.integers(1, 40), st.integers(0, 5), st.integers(0, 5))
def test_each_epoch_shows_every_sample_once(size: int, seed: int, epoch: int) -> None:
    indices = ShuffledOrder(size, seed).indices(epoch * size, size)
    assert sorted(indices.tolist()) == list(range(size))


@given(st.integers(1, 20), st.lists(st.integers(0, 9), max_size=12))
def test_the_stream_is_the_same_however_it_is_cut(size: int, counts: list[int]) -> None:
    order, parts, start = ShuffledOrder(size, 0), [], 0
    for count in counts:
        parts.append(order.indices(start, count))
        start += count
    assert np.array_equal(np.concatenate([np.empty(0, np.int64), *parts]), ShuffledOrder(size, 0).indices(0, start))


def test_reading_on_after_going_back_gives_the_same() -> None:
    order = ShuffledOrder(7, 3)
    late = order.indices(30, 5)
    order.indices(0, 5)
    assert np.array_equal(order.indices(30, 5), late)


def test_epochs_and_seeds_are_shuffled_differently() -> None:
    first, second = ShuffledOrder(50, 0).indices(0, 100).reshape(2, 50)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, ShuffledOrder(50, 1).indices(0, 50))


def test_there_must_be_something_to_shuffle() -> None:
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        ShuffledOrder(0, 0)


def draws(*place: object) -> torch.Tensor:
    return torch.rand(4, generator=generator_at(*place))


def test_random_numbers_depend_on_seed_purpose_and_position_alone() -> None:
    first = draws(1, "step/0", 64)
    torch.manual_seed(99)
    assert torch.equal(draws(1, "step/0", 64), first)
    others = [draws(2, "step/0", 64), draws(1, "step/1", 64), draws(1, "step/0", 65), draws(1, "step/", 64)]
    assert all(not torch.equal(first, other) for other in others)
