from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fetalflex.augment.planned import seed_at

NUMBERS = st.integers(0, 2**53)


@given(NUMBERS, st.sampled_from(["noise", "layout"]), st.lists(NUMBERS, max_size=3))
def test_a_seed_is_a_number_that_other_programs_read_exactly(seed: int, purpose: str, place: list[int]) -> None:
    drawn = seed_at(seed, purpose, *place)
    assert 0 <= drawn < 2**48
    assert int(float(drawn)) == drawn == seed_at(seed, purpose, *place)


def test_seed_purpose_and_place_each_matter() -> None:
    seeds = [seed_at(s, purpose, *place) for s in range(3) for purpose in "ab" for place in ((), (1,), (1, 1), (11,))]
    assert len(set(seeds)) == len(seeds)
