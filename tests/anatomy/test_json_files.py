from __future__ import annotations

import os
import stat

import pytest

from fetalflex.anatomy.json_files import json_text, parse_json, read_json, tagged_with, write_text_atomically
from fetalflex.errors import FetalFlexError


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


def test_write_and_read(tmp_path):
    path = tmp_path / "a.json"
    write_text_atomically(path, json_text({"ä": [1, 2.5]}))
    write_text_atomically(path, json_text({"ä": [1, 3.5]}))
    assert read_json(path) == {"ä": [1, 3.5]}
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_written_file_follows_the_umask(tmp_path):
    before = os.umask(0o022)
    try:
        write_text_atomically(tmp_path / "a.json", "{}")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o644


def test_failed_write_leaves_nothing_and_keeps_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_unusable_places_are_named(tmp_path):
    with pytest.raises(FetalFlexError, match=r"none/a\.json cannot be written: No such file"):
        write_text_atomically(tmp_path / "none" / "a.json", "{}")
    (tmp_path / "folder").mkdir()
    with pytest.raises(FetalFlexError, match="folder cannot be written"):
        write_text_atomically(tmp_path / "folder", "{}")
    with pytest.raises(FetalFlexError, match=r"none\.json cannot be read"):
        read_json(tmp_path / "none.json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


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
