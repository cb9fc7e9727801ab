from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.data.file_names import FileNames, portable_stem


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("Patient00822_Plane3_4_of_6", "Patient00822_Plane3_4_of_6"),
        ("003_HC_png.rf.1e2c", "003_HC_png.rf.1e2c"),
        ("Müller, Anna", "Muller_Anna"),
        ("a b\tc", "a_b_c"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("胎儿", "image"),
        ("", "image"),
        ("NUL", "image_NUL"),
        ("con.1", "image_con.1"),
    ],
)
def test_portable_stem(stem, expected):
    assert portable_stem(stem) == expected


@given(st.text(max_size=200))
def test_any_text_becomes_a_portable_stem_and_such_a_stem_stays(text):
    stem = portable_stem(text)
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,106}", stem)
    assert not stem.startswith((".", "-"))
    assert not stem.endswith(".")


def test_a_name_is_given_once_also_in_another_case():
    names = FileNames()
    assert [names.give(stem, ".png") for stem in ("a", "a", "A", "a_2")] == [
        "images/a.png",
        "images/a_2.png",
        "images/A_3.png",
        "images/a_2_2.png",
    ]


def test_names_differ_by_more_than_their_ending():
    names = FileNames()
    assert names.give("a", ".png") == "images/a.png"
    assert names.give("a", ".jpg") == "images/a_2.jpg"
