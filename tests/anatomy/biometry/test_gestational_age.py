from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import GestationalAge
from fetalflex.errors import FetalFlexError

ages = st.builds(GestationalAge, st.integers(0, 315))


@given(ages)
def test_every_way_of_writing_reads_back(age):
    weeks, days = divmod(age.days, 7)
    for text in (
        str(age),
        f"{weeks}+{days}",
        f" {weeks} weeks {days} days ",
        f"{weeks}W + {days}D",
        f"{age.weeks:.2f}",
    ):
        assert GestationalAge.parse(text) == age
    assert GestationalAge.from_weeks(age.weeks) == age


@pytest.mark.parametrize(
    "text", ["22w3d", "22w 3d", "22wk3", "22+3", "22 weeks 3 days", "22w+3d", "22.43", "22.43 weeks"]
)
def test_forms_of_one_age(text):
    assert GestationalAge.parse(text) == GestationalAge(157)


@pytest.mark.parametrize("text", ["22", "22w", "22 weeks", "22w0d", "22+0", "22.0"])
def test_whole_weeks(text):
    assert str(GestationalAge.parse(text)) == "22w0d"


@given(ages, ages)
def test_ages_compare_as_days(first, second):
    assert (first < second) == (first.days < second.days)
    assert (first == second) == (first.days == second.days)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("22w7d", "days must be 0 to 6"),
        ("22+10", "days must be 0 to 6"),
        ("46w", "must be 0 to 45 weeks, got 46 weeks"),
        ("45w1d", "must be 0 to 45 weeks"),
        ("-3", "cannot be read; write for example 22w3d, 22.3 or 22.43"),
        ("", "cannot be read"),
        ("22,4", "cannot be read"),
        ("3d", "cannot be read"),
        ("9" * 400, "must be finite"),
        (None, "None cannot be read"),
    ],
)
def test_what_is_no_age_is_refused(text, reason):
    with pytest.raises(FetalFlexError, match=reason):
        GestationalAge.parse(text)


@pytest.mark.parametrize("days", [-1, 316, 22.5, True, "22"])
def test_days_are_whole_and_in_range(days):
    with pytest.raises(FetalFlexError, match="gestational age in days must be a whole number from 0 to 315"):
        GestationalAge(days)
