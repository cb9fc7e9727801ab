"""Numbers, flags and keys as the files of many tools write them."""

from __future__ import annotations

import pytest

from fetalflex.data.importers.numbers import Keys, decimal_of, flag, whole
from fetalflex.errors import FetalFlexError


@pytest.mark.parametrize(
    ("value", "expected"), [("true", True), ("1", True), (1.0, True), ("false", False), (None, False)]
)
def test_flags(value, expected):
    assert flag(value, "x") is expected


@pytest.mark.parametrize("value", ["maybe", 2, [], float("nan")])
def test_other_flags_are_refused(value):
    with pytest.raises(FetalFlexError, match="true or false"):
        flag(value, "iscrowd")


def test_whole_numbers_and_the_decimal_mark():
    assert [whole(value, "x") for value in ("1.000000", 3.0, "07")] == [1, 3, 7]
    assert decimal_of(["1", "2,5"]) == "comma"
    assert decimal_of(["1,024", 3]) is None
    with pytest.raises(FetalFlexError, match="use one of them"):
        decimal_of(["1.5", "2,5"])


def test_keys_with_two_meanings_have_none():
    keys = Keys("class")
    keys.add(1, "a", "line 1")
    keys.add(1, "a", "line 2")
    assert keys.get("1") == "a"
    keys.add(1, "b", "line 3")
    with pytest.raises(FetalFlexError, match="line 1 and by line 3"):
        keys.get(1)
