from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.augment.copies import Kept, find_duplicates


def kept(number: int, angle: float, plane: str = "a") -> Kept:
    """Return an image whose correlation with another is the cosine of the difference of their angles."""
    vector = np.zeros(4096, np.float32)
    vector[:2] = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return Kept(number, plane, vector)


def test_the_first_of_several_alike_stays_and_those_like_a_dropped_one_alone_stay_too() -> None:
    chain = [kept(1, 0), kept(2, 10), kept(3, 20), kept(4, 25), kept(5, 90)]
    limit = float(np.cos(np.radians(15)))
    assert find_duplicates(chain, limit) == {2: 1, 4: 3}


@given(st.permutations([kept(i, angle) for i, angle in enumerate((0, 3, 50, 52, 53, 120, 1))]))
def test_the_order_in_which_they_come_does_not_matter(images: list[Kept]) -> None:
    assert find_duplicates(images, 0.99) == {1: 0, 3: 2, 4: 2, 6: 0}


def test_planes_are_compared_each_by_itself() -> None:
    assert find_duplicates([kept(1, 0), kept(2, 0, "b"), kept(3, 0, "b")], 0.99) == {3: 2}
    assert find_duplicates([], 0.99) == {}


def test_blocks_give_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = [kept(number, angle) for number, angle in enumerate(np.random.default_rng(0).uniform(0, 180, 60))]
    whole = find_duplicates(images, 0.995)
    assert whole
    monkeypatch.setattr("fetalflex.augment.copies._BLOCK", 7)
    assert find_duplicates(images, 0.995) == whole
