from __future__ import annotations

import time

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.files.yaml_files import parse_yaml, read_yaml


def test_plain_values_are_read(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffa: [1, 2.5, höher]\nb: &same {c: null}\nd: *same\n".encode())
    assert read_yaml(path, "list") == {"a": [1, 2.5, "höher"], "b": {"c": None}, "d": {"c": None}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: 2\na: 3\n", "not valid YAML at line 3, column 1: the key 'a' stands twice"),
        (b"a: !!python/object/apply:os.getcwd []", "not valid YAML at line 1"),
        (b"a: [1", "not valid YAML at line"),
        (b"b: 1\na: " + b"9" * 5000, "not valid YAML at line 2, column 4: '9999.* cannot be read as int"),
        (b"a: .inf", "not valid YAML at line 1, column 4: the number '.inf' is not finite"),
        (b"a: [.nan]", "the number '.nan' is not finite"),
        (b"a: 1.0e+400", "is not finite"),
        (b"[" * 3000, "not valid YAML at line 1, column 41: nested more than 40 deep"),
        (b"a: " + b"{b: " * 3000, "nested more than 40 deep"),
        (b"- &a [1]\n" + b"- [*a, *a]\n" * 20_000, "more than 20,000 values"),
        (b"a: &a [*a]", "an alias stands within what it names"),
        (b"- 1\n" * 240_000, "more than 20,000 values"),
        (b"a: \x00", "not valid YAML"),
        (b"? [a]\n: 1", "not valid YAML at line 1"),
        (b"a: !!int x", "cannot be read as int"),
        (b"a: !!float ''", "cannot be read as float"),
        (b"a: !!bool x", "cannot be read as bool"),
        (b"a: !!timestamp 2024-13-45", "cannot be read as timestamp"),
        (b"\xff\xfe\x00\x00abc", "is not UTF-8 text"),
        (b"a" * 1_000_001, "larger than 1 MB, so it is no list"),
    ],
)
def test_the_rest_is_refused(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(FetalFlexError, match=message):
        read_yaml(path, "list")


def test_a_missing_file(tmp_path):
    with pytest.raises(FetalFlexError, match=r"^cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml", "list")


def test_what_looks_like_a_date_is_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("a: 2024-13-45\nb: 2024-01-02\n")
    assert read_yaml(path, "list") == {"a": "2024-13-45", "b": "2024-01-02"}


def test_aliases_that_unfold_into_billions_are_refused_at_once(tmp_path):
    lines = ["a0: &a0 [1, 1]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]
    merged = ["b0: &b0 {x: 1}", *(f"b{i}: &b{i} {{<<: [{', '.join([f'*b{i - 1}'] * 9)}]}}" for i in range(1, 12))]
    for text in ("\n".join(lines), "\n".join(merged)):
        started = time.process_time()
        with pytest.raises(FetalFlexError, match="more than 20,000 values"):
            parse_yaml(text)
        assert time.process_time() - started < 2
