from __future__ import annotations

import json
from pathlib import Path

from cli_helpers import RunCommand


def test_it_measures_and_goes_on(
    run: RunCommand, tiny_model: Path, detector_folder: Path, phantom_folder: Path, workplace: Path
) -> None:
    command = ("experiment", "prompts", tiny_model, phantom_folder, "--split", "val", "--out", "out", "--steps", 1)
    command = (*command, "--detector", detector_folder, "--images-per-plane", 1, "--guidance-prompt", 2)
    text = run(*command, "--images-per-structure", 1).stdout.splitlines()
    assert text[0].startswith("presence, training wording: followed ")
    assert text[-1] == "wrote out/prompts.md"
    made = {path: path.stat().st_mtime_ns for path in Path("out/syntheses").glob("*.png")}
    values = json.loads(run(*command, "--images-per-structure", 2, "--json").stdout)
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert len(list(Path("out/syntheses").glob("*.png"))) > len(made)
    report = json.loads(Path("out/prompts.json").read_text())
    assert {name: report[name] for name in values} == values
    assert report["sampling"]["prompt_guidance"] == 2
    assert list(values["presence"]) == ["training", "plain"]
    error = run(*command, "--seed", 1, code=2).stderr
    assert "seed was 0, now 1" in error


def test_a_detector_of_other_planes_is_refused(
    run: RunCommand, tiny_model: Path, detector_folder: Path, phantom_folder: Path, workplace: Path
) -> None:
    command = ("experiment", "prompts", tiny_model, phantom_folder, "--split", "val", "--out", "out")
    assert "no-such" in run(*command, "--detector", "no-such", code=2).stderr
    assert not Path("out").exists()
