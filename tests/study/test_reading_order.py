from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.study.order import reading_order


@given(
    groups=st.lists(st.sampled_from("abcd"), min_size=2, max_size=60),
    share=st.floats(0, 0.5),
    seed=st.integers(0, 1000),
)
def test_each_image_comes_once_and_some_twice_far_apart(groups: list[str], share: float, seed: int) -> None:
    repeats = int(share * len(groups))
    order = reading_order(groups, repeats, np.random.default_rng(seed))
    counts = Counter(order)
    assert set(counts) == set(range(len(groups)))
    assert sorted(counts.values(), reverse=True) == [2] * repeats + [1] * (len(groups) - repeats)
    for image in (image for image, count in counts.items() if count == 2):
        first, second = (place for place, one in enumerate(order) if one == image)
        assert second - first >= max(1, len(groups) // 4)


@given(each=st.integers(1, 8), seed=st.integers(0, 1000))
def test_whoever_stops_early_has_rated_all_groups_alike(each: int, seed: int) -> None:
    groups = [group for group in "abcd" for _ in range(each)]
    order = reading_order(groups, 0, np.random.default_rng(seed))
    for stop in range(len(order) + 1):
        counts = Counter(groups[image] for image in order[:stop])
        assert max(counts.values(), default=0) - min((counts[group] for group in "abcd"), default=0) <= 1


def test_repeats_are_spread_over_the_groups() -> None:
    groups = [group for group in "abcd" for _ in range(10)]
    order = reading_order(groups, 4, np.random.default_rng(0))
    twice = [image for image, count in Counter(order).items() if count == 2]
    assert sorted(groups[image] for image in twice) == ["a", "b", "c", "d"]


def test_orders_differ() -> None:
    groups = ["a", "b"] * 10
    orders = {tuple(reading_order(groups, 2, stream)) for stream in np.random.default_rng(0).spawn(20)}
    assert len(orders) == 20
