from __future__ import annotations

import pytest

from fetalflex.anatomy.yaml_files import read_yaml
from fetalflex.errors import FetalFlexError


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
        (b"a: 2020-99-99", "not valid YAML: a value cannot be read"),
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
