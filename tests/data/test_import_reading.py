from __future__ import annotations

import pytest
from data_helpers import save_text

from fetalflex.data.importers import reading
from fetalflex.data.importers.reading import child_text, files_ending, number, read_text, read_xml
from fetalflex.errors import FetalFlexError

BOMB = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]><a>&c;</a>"""
OUTSIDE = """<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12", 12),
        (" -3.5 ", -3.5),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("2.", 2),
        (7, 7),
        (0.25, 0.25),
        ("32,0", 32),
        ("0,512", 0.512),
        ("np.float64(1.5)", 1.5),
    ],
)
def test_numbers_are_read(value, expected):
    assert number(value, "x") == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "nan",
        "inf",
        "1,024",
        "1.024,5",
        "1\x1d",
        "--1",
        "1e99999",
        "\u0663",
        "12px",
        "0x10",
        "1e999",
        float("nan"),
        float("inf"),
        10**400,
        True,
    ],
)
def test_other_values_are_refused_by_field(value):
    with pytest.raises(FetalFlexError, match=r"xmin (is missing|is .*, which may be|must be (a number|finite), got)"):
        number(value, "xmin")


@pytest.mark.parametrize("text", [BOMB, OUTSIDE])
def test_entities_are_refused(tmp_path, text):
    with pytest.raises(FetalFlexError, match=r"a\.xml defines entities"):
        read_xml(save_text(tmp_path / "a.xml", text))


@pytest.mark.parametrize("text", ["", "<a>", "no xml", "<a></b>", '<?xml version="1.0" encoding="martian"?><a/>'])
def test_damaged_xml_is_refused(tmp_path, text):
    with pytest.raises(FetalFlexError, match=r"a\.xml is no valid XML"):
        read_xml(save_text(tmp_path / "a.xml", text))


def test_missing_large_and_undecodable_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(FetalFlexError, match="UTF-8"):
        read_text(tmp_path / "a.txt")
    for read in (read_text, read_xml):
        with pytest.raises(FetalFlexError, match="cannot be read"):
            read(tmp_path / "none")
        with pytest.raises(FetalFlexError, match="at most 2"):
            read(tmp_path / "a.txt", max_bytes=2)


def test_texts_of_children_are_stripped(tmp_path):
    root = read_xml(save_text(tmp_path / "a.xml", "<a><b> x </b><c/><d>  </d></a>"))
    assert [child_text(root, name) for name in "bcde"] == ["x", None, None, None]


def test_hidden_files_are_passed_over(tmp_path):
    for name in ("b.PNG", "a.png", ".a.png", ".git/a.png", "sub/c.png", "d.txt"):
        save_text(tmp_path / name, "x")
    assert [path.name for path in files_ending(tmp_path, [".png"])] == ["a.png", "b.PNG", "c.png"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\u2028", "\x0c"])
def test_more_lines_than_are_read_are_counted_and_not_split(tmp_path, end, monkeypatch):
    monkeypatch.setattr(reading, "MAX_ROWS", 10)
    path = tmp_path / "a.txt"
    path.write_bytes(end.join("abcde").encode())
    assert reading.read_lines(path) == list("abcde")
    path.write_bytes((end * 11).encode())
    with pytest.raises(FetalFlexError, match="more than 10 lines"):
        reading.read_lines(path)
