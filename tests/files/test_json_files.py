from __future__ import annotations

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import json_text, parse_json, read_json, tagged_with


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON at line 1"),
        ("{", "not valid JSON at line 1"),
        ('{"a": NaN}', "NaN is not allowed"),
        ('{"a": -Infinity}', "-Infinity is not allowed"),
        ('{"a": 1, "a": 2}', "key 'a' stands twice"),
        ("[" * 100_000, "nested too deep"),
        ("1" * 5000, "not valid JSON"),
        (b"\xff\xfe", "not UTF-8"),
        ("1" * 10_000_001, "larger than 10 MB"),
    ],
)
def test_parse_refuses(text, message):
    with pytest.raises(FetalFlexError, match=f"thing .*{message}"):
        parse_json(text, "thing")


def test_byte_order_mark_is_ignored():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "thing") == {"a": 1}


def test_a_written_value_reads_back(tmp_path):
    path = tmp_path / "a.json"
    write_text(path, json_text({"ä": [1, 2.5]}))
    assert read_json(path) == {"ä": [1, 2.5]}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FetalFlexError, match=r"none\.json cannot be read"):
        read_json(tmp_path / "none.json")


def test_limit_can_be_chosen(tmp_path):
    (tmp_path / "a.json").write_bytes(b"[1, 2, 3]")
    assert read_json(tmp_path / "a.json", max_bytes=9) == [1, 2, 3]
    with pytest.raises(FetalFlexError, match=r"a\.json is larger"):
        read_json(tmp_path / "a.json", max_bytes=8)


def test_tag_is_checked_and_taken_off():
    assert tagged_with({"format": "f", "version": 1, "a": 2}, "f", 1, "thing") == {"a": 2}
    for data, message in [
        ([], "must be a JSON object"),
        ({"version": 1}, "lacks the key 'format'"),
        ({"format": "f"}, "lacks the key 'version'"),
        ({"format": "g", "version": 1}, "expected 'f', version 1"),
        ({"format": "f", "version": 2}, "expected 'f', version 1"),
        ({"format": "f", "version": True}, "expected 'f', version 1"),
        ({"format": [1], "version": 1}, "expected 'f', version 1"),
    ]:
        with pytest.raises(FetalFlexError, match=message):
            tagged_with(data, "f", 1, "thing")
