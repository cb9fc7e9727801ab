"""Every YAML file that a user writes is read by one reader: what is no value is one line with file and place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import fetalflex
from fetalflex.anatomy import default_registry
from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.augment import load_plan
from fetalflex.errors import FetalFlexError
from fetalflex.training.config import load_run_config
from fetalflex.training.recipe import load_recipe

READERS: dict[str, Callable[[Path], object]] = {
    "planes": lambda path: default_registry().extended_with(path),
    "anomalies": AnomalyLibrary.load,
    "plan": load_plan,
    "run": load_run_config,
    "recipe": load_recipe,
}
NONSENSE = {
    "digits": f"a: {'9' * 5000}",
    "infinite": "a: .inf",
    "not a number": "a: [1, .nan]",
    "overflow": "a: 1.0e+999",
    "deep": "a: " + "[" * 3000,
    "twice": "a: 1\nb: 2\na: 3",
    "twice inside": "a: {b: 1, b: 2}",
    "object": "a: !!python/object/apply:os.getcwd []",
    "wrong tag": "a: !!int x",
    "unfolding": "b0: &b0 [1, 1]\n" + "".join(f"b{i}: &b{i} [{', '.join([f'*b{i - 1}'] * 9)}]\n" for i in range(1, 9)),
    "open": "a: [1",
    "zero": "a: \0",
    "binary": "\udcff\udcfe",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_is_one_line_that_names_the_file(tmp_path: Path, reader: str, nonsense: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(NONSENSE[nonsense].encode("utf-8", "surrogateescape"))
    with pytest.raises(FetalFlexError, match=r"a\.yaml: (is not valid YAML|is not UTF-8 text)") as caught:
        READERS[reader](path)
    assert len(str(caught.value)) < 400
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", ["", "1", "[]", "2024-13-45", "a: 2024-01-02", "null: 1", "? {a: 1}\n: 2"])
def test_values_that_are_no_config_name_the_file_too(tmp_path: Path, reader: str, text: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(FetalFlexError, match=r"a\.yaml: ") as caught:
        READERS[reader](path)
    assert "\n" not in str(caught.value)


def test_no_other_reader_of_yaml_is_used() -> None:
    source = Path(fetalflex.__file__).parent
    calls = [
        f"{path.relative_to(source).as_posix()}: {line.strip()}"
        for path in source.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        if "yaml.safe_load" in line or "yaml.load" in line or "yaml.full_load" in line
    ]
    # Lists of class names of strangers have limits of their own.
    assert [call for call in calls if not call.startswith("data/importers/reading.py")] == []
