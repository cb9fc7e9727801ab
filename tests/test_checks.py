from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from fetalflex.checks import (
    did_you_mean,
    finite_number,
    finite_numbers,
    items,
    mapping_with_keys,
    named_entries,
    one_of,
    positive_number,
    shown,
    text,
    texts,
    whole_number,
)
from fetalflex.errors import FetalFlexError


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), Fraction(3)])
def test_finite_number_takes_every_real_number(value):
    assert finite_number(value, "x") == 3.0
    assert type(finite_number(value, "x")) is float


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "3", None, True, [3], 10**400, 1j])
def test_finite_number_refuses_the_rest_and_names_the_field(value):
    with pytest.raises(FetalFlexError, match="depth must be"):
        finite_number(value, "depth")


def test_finite_number_refuses_ints_too_large_to_print():
    with pytest.raises(FetalFlexError, match="depth must be finite, got a very large int"):
        finite_number(10**5000, "depth")


def test_finite_numbers_are_as_many_as_wanted():
    assert finite_numbers([1, 2.5], "x", 2) == [1.0, 2.5]
    for value in ([1], [1, 2, 3], (1, 2), "12", None):
        with pytest.raises(FetalFlexError, match="centre must be a list of 2 numbers, got"):
            finite_numbers(value, "centre", 2)
    with pytest.raises(FetalFlexError, match="centre must be a number, got '2'"):
        finite_numbers([1, "2"], "centre", 2)


def test_positive_number_refuses_zero():
    with pytest.raises(FetalFlexError, match="side must be greater than 0, got 0"):
        positive_number(0, "side")


@pytest.mark.parametrize("value", [0, 11, 2.0, True, "5", None])
def test_whole_number_refuses(value):
    with pytest.raises(FetalFlexError, match="n must be a whole number from 1 to 10"):
        whole_number(value, "n", 1, 10)


def test_whole_number_takes_numpy_integers():
    assert type(whole_number(np.uint8(7), "n", 1, 10)) is int


def test_one_of_lists_what_is_allowed():
    assert one_of("px", "unit", ("px", "mm")) == "px"
    with pytest.raises(FetalFlexError, match="unit must be one of px, mm, got 'cm'"):
        one_of("cm", "unit", ("px", "mm"))
    with pytest.raises(FetalFlexError, match="unit must be one of"):
        one_of(["px"], "unit", ("px", "mm"))


def test_did_you_mean():
    assert did_you_mean("stomac", ["stomach", "spine"]) == " Did you mean stomach?"
    assert did_you_mean("zzz", ["stomach", "spine"]) == ""


def test_shown_is_short():
    assert shown("a" * 1_000_000).endswith("...")
    assert len(shown("a" * 1_000_000)) <= 60
    assert shown({"a": 1}) == "a dict of 1 items"
    assert shown(3.5) == "3.5"


def test_mapping_with_keys():
    assert mapping_with_keys({"a": 1}, "box", ("a",), ("b",)) == {"a": 1}
    with pytest.raises(
        FetalFlexError, match=r"box has the unknown key 'widht'; allowed are width\. Did you mean width\?"
    ):
        mapping_with_keys({"widht": 1}, "box", ("width",))
    with pytest.raises(FetalFlexError, match="box lacks the key 'width'"):
        mapping_with_keys({}, "box", ("width",))
    with pytest.raises(FetalFlexError, match="unknown key 3"):
        mapping_with_keys({3: 1}, "box", ("width",))
    with pytest.raises(FetalFlexError, match="box must be a mapping"):
        mapping_with_keys([1], "box", ("width",))


@pytest.mark.parametrize("value", [3, None, "", " ", ["a"]])
def test_text_refuses_what_is_none_and_what_is_blank(value):
    assert text("a b", "title") == "a b"
    with pytest.raises(FetalFlexError, match="title must be a text, got"):
        text(value, "title")


def test_lists_of_texts():
    assert items([1, "a"], "x") == (1, "a")
    assert texts(["a", "b"], "x") == ("a", "b")
    for value in ("ab", None, {"a": 1}):
        with pytest.raises(FetalFlexError, match="x must be a list, got"):
            texts(value, "x")
    with pytest.raises(FetalFlexError, match="x must be a text, got 1"):
        texts(["a", 1], "x")


def test_named_entries():
    assert named_entries({"planes": {"a": 1}}, "planes") == [("a", 1)]
    assert named_entries({"planes": None}, "planes") == named_entries({}, "planes") == []
    with pytest.raises(FetalFlexError, match="planes must be a mapping of names to entries, got 3"):
        named_entries({"planes": 3}, "planes")
    with pytest.raises(FetalFlexError, match="planes: the name 3 is no text; put it in quotes"):
        named_entries({"planes": {3: 1}}, "planes")
