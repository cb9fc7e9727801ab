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
    order = reading_order(groups, groups, repeats, np.random.default_rng(seed))
    counts = Counter(order)
    assert set(counts) == set(range(len(groups)))
    assert sorted(counts.values(), reverse=True) == [2] * repeats + [1] * (len(groups) - repeats)
    for image in (image for image, count in counts.items() if count == 2):
        first, second = (place for place, one in enumerate(order) if one == image)
        assert second - first >= max(1, len(groups) // 4)


@given(each=st.integers(1, 8), seed=st.integers(0, 1000))
def test_whoever_stops_early_has_rated_all_groups_alike(each: int, seed: int) -> None:
    groups = [group for group in "abcd" for _ in range(each)]
    order = reading_order(groups, groups, 0, np.random.default_rng(seed))
    for stop in range(len(order) + 1):
        counts = Counter(groups[image] for image in order[:stop])
        assert max(counts.values(), default=0) - min((counts[group] for group in "abcd"), default=0) <= 1


def test_repeats_are_spread_over_the_groups() -> None:
    groups = [group for group in "abcd" for _ in range(10)]
    order = reading_order(groups, groups, 4, np.random.default_rng(0))
    twice = [image for image, count in Counter(order).items() if count == 2]
    assert sorted(groups[image] for image in twice) == ["a", "b", "c", "d"]


def test_orders_differ() -> None:
    groups = ["a", "b"] * 10
    orders = {tuple(reading_order(groups, groups, 2, stream)) for stream in np.random.default_rng(0).spawn(20)}
    assert len(orders) == 20


@given(methods=st.integers(2, 4), each=st.integers(2, 20), seed=st.integers(0, 1000))
def test_images_of_one_case_are_far_apart(methods: int, each: int, seed: int) -> None:
    groups = [method for method in range(methods) for _ in range(each)]
    cases = list(range(each)) * methods
    order = reading_order(groups, cases, 0, np.random.default_rng(seed))
    rounds = [place // methods for place in range(len(order))]  # of one image of each method
    for case in range(each):
        shown = [rounds[place] for place, image in enumerate(order) if cases[image] == case]
        assert min(np.diff(shown)) >= each // methods


def test_several_images_of_one_case_by_one_method_are_spread() -> None:
    order = reading_order(["a"] * 12, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], 0, np.random.default_rng(0))
    shown = [image // 4 for image in order]
    assert all(sorted(shown[place : place + 3]) == [0, 1, 2] for place in range(0, 12, 3))


def test_methods_do_not_take_turns_in_a_fixed_way() -> None:
    groups = ["a"] * 8 + ["b"] * 8
    orders = [reading_order(groups, list(range(8)) * 2, 0, stream) for stream in np.random.default_rng(0).spawn(40)]
    firsts = Counter(groups[order[0]] for order in orders)
    assert min(firsts.values()) >= 10
    assert len({tuple(image % 8 for image in order if groups[image] == "a") for order in orders}) == 40
