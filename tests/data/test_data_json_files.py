from __future__ import annotations

import pytest

from fetalflex.data.json_files import parse_json, read_json
from fetalflex.errors import FetalFlexError


def test_values_and_byte_order_marks_are_read(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": [1, 2.5, null]}')
    assert read_json(tmp_path / "a.json") == {"a": [1, 2.5, None]}


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', "[Infinity]", "[" * 100_000, "9" * 5000])
def test_other_texts_are_refused_by_name(text):
    with pytest.raises(FetalFlexError, match=r"labels\.json"):
        parse_json(text, "labels.json")


def test_files_that_cannot_be_read_are_refused_by_name(tmp_path):
    (tmp_path / "latin.json").write_bytes(b'"\xe4"')
    (tmp_path / "large.json").write_bytes(b"[1, 2, 3]")
    for name, limit in (("none.json", 10), ("latin.json", 10), ("large.json", 5)):
        with pytest.raises(FetalFlexError, match=name):
            read_json(tmp_path / name, max_bytes=limit)
