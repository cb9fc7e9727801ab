from __future__ import annotations

import random
from collections import Counter

import pytest
from data_helpers import head_layout
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.data.records import Record
from fetalflex.data.splits import split_by_patient
from fetalflex.errors import FetalFlexError

LAYOUT = head_layout()


def record(number: int, patient: str | None = None, split: str | None = None) -> Record:
    return Record(f"images/{number}.png", LAYOUT, patient=patient, split=split)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(0, 5), st.randoms(use_true_random=False))
def test_no_patient_is_divided_and_order_does_not_matter(patients, seed, shuffler: random.Random):
    records = [record(number, f"p{patient}") for number, patient in enumerate(patients)]
    divided = split_by_patient(records, seed)
    splits_of = {one.patient: set() for one in divided}
    for one in divided:
        splits_of[one.patient].add(one.split)
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert [one.file_name for one in divided] == [one.file_name for one in records]
    shuffled = list(records)
    shuffler.shuffle(shuffled)
    again = {one.file_name: one.split for one in split_by_patient(shuffled, seed)}
    assert again == {one.file_name: one.split for one in divided}


def test_the_shares_are_near_the_fractions_and_depend_on_the_seed():
    records = [record(number, f"p{number}") for number in range(3000)]
    counts = Counter(one.split for one in split_by_patient(records, 0, (0.7, 0.2, 0.1)))
    assert counts["train"] == pytest.approx(2100, abs=80)
    assert counts["val"] == pytest.approx(600, abs=70)
    first, second = (split_by_patient(records, seed) for seed in (1, 2))
    assert first != second
    assert {one.split for one in split_by_patient(records, 0, (1, 0, 0))} == {"train"}


def test_more_records_do_not_move_the_old_ones():
    records = [record(number, f"p{number // 2}") for number in range(40)]
    assert split_by_patient(records, 3)[:20] == split_by_patient(records[:20], 3)


def test_without_patient_the_file_counts():
    assert split_by_patient([record(5)], 0)[0].split == split_by_patient([record(9, patient="5")], 0)[0].split


def test_existing_splits_stay_and_spread_to_the_patient_on_request():
    records = [record(1, "a", "test"), record(2, "a"), record(3, "b")]
    kept = split_by_patient(records, 0, (1, 0, 0), keep_existing=True)
    assert [one.split for one in kept] == ["test", "test", "train"]
    assert {one.split for one in split_by_patient(records, 0, (1, 0, 0))} == {"train"}


def test_an_existing_division_of_one_patient_is_refused():
    with pytest.raises(FetalFlexError, match="patient a is both in train and in test"):
        split_by_patient([record(1, "a", "train"), record(2, "a", "test")], 0, keep_existing=True)


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5), (float("nan"), 0, 1)])
def test_fractions_must_be_shares(fractions):
    with pytest.raises(FetalFlexError, match="sum to 1"):
        split_by_patient([], 0, fractions)
