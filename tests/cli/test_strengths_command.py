from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_helpers import RunCommand

from phantoms import write_phantoms


def test_it_measures_and_goes_on(run: RunCommand, tiny_model: Path, workplace: Path) -> None:
    write_phantoms(workplace / "set", 8)
    command = ("experiment", "strengths", tiny_model, "set", "--out", "out", "--limit", 1, "--steps", 1)
    assert run(*command, "--strengths", "1").stdout.splitlines()[-1] == "wrote out/strengths.md"
    made = {path: path.stat().st_mtime_ns for path in Path("out/syntheses").glob("*.png")}
    values = json.loads(run(*command, "--strengths", "0.5, 1", "--json").stdout)
    assert values == json.loads(Path("out/strengths.json").read_text())
    assert {one["strength"] for one in values["results"]} == {0.5, 1.0}
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert len(list(Path("out/syntheses").glob("*.png"))) == 2 * len(made)


@pytest.mark.parametrize("strengths", ["0", "1.5", "much", "0.5,nan", ""])
def test_bad_strengths_are_refused(run: RunCommand, tiny_model: Path, strengths: str) -> None:
    error = run("experiment", "strengths", tiny_model, "set", "--out", "out", "--strengths", strengths, code=2).stderr
    assert error.startswith(f"error: --strengths is '{strengths}'")
    assert not Path("out").exists()
