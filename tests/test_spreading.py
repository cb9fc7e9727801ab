from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fetalflex.spreading import spread, spread_positions


@given(st.integers(0, 200), st.integers(1, 50))
def test_as_many_as_there_are_up_to_the_count_in_their_order_and_each_once(length: int, count: int) -> None:
    for chosen in (spread(range(length), count), spread_positions(length, count).tolist() if length else []):
        assert len(chosen) == min(count, length)
        assert chosen == sorted(set(chosen))
        assert not chosen or (chosen[0] == 0 and chosen[-1] < length)


@given(st.integers(1, 200), st.integers(1, 50))
def test_none_is_far_from_its_place(length: int, count: int) -> None:
    count = min(count, length)
    for number, position in enumerate(spread(range(length), count)):
        assert 0 <= number * length / count - position < 1
    positions = spread_positions(length, count)
    assert count == 1 or positions[-1] == length - 1
