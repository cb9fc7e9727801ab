from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_helpers import RunCommand

from fetalflex.abilities import ABILITIES, Abilities, PromptAbility
from fetalflex.cli.prompt_notes import prompt_notes
from fetalflex.pipeline import FetalFlexPipeline


@pytest.fixture(scope="module")
def loaded(tiny_model: Path) -> FetalFlexPipeline:
    return FetalFlexPipeline.from_pretrained(tiny_model)


def measured(tiny_model: Path, folder: Path, pipeline: FetalFlexPipeline, change: float) -> str:
    copied = Path(shutil.copytree(tiny_model, folder / f"measured-{change}"))
    Abilities(pipeline.identity, {}, {}, (), PromptAbility(change, 20.0, 8)).save(copied / ABILITIES)
    return str(copied)


def test_words_that_were_never_learnt_are_named(loaded: FetalFlexPipeline, tiny_model: Path) -> None:
    [note] = prompt_notes(loaded, str(tiny_model), ["Fetal ultrasound, a cat without stomach"])
    assert "holds 'a', 'cat', 'without'; unless" in note


def test_a_usual_prompt_needs_no_note(loaded: FetalFlexPipeline, tiny_model: Path) -> None:
    assert not list(prompt_notes(loaded, str(tiny_model), ["fetal ultrasound, facial sagittal plane, with palate"]))
    assert not list(prompt_notes(loaded, str(tiny_model), []))


def test_what_was_measured_of_prompts_is_said(loaded: FetalFlexPipeline, tiny_model: Path, tmp_path: Path) -> None:
    little, much = (measured(tiny_model, tmp_path, loaded, change) for change in (0.6, 15.0))
    [note] = prompt_notes(loaded, little, ["with palate"])
    assert "changes the region by 0.6 grey levels, another seed by 20.0" in note
    assert not list(prompt_notes(loaded, much, ["with palate"]))


def test_the_commands_tell_it(run: RunCommand, workplace: Path, tiny_model: Path) -> None:
    arguments = ("generate", "scan.layout.json", "--image", "scan.png", "--model", tiny_model, "--steps", 1)
    told = run(*arguments, "--out", "a", "--prompt", "hydrocephalus").stderr
    assert "note: no prompt that FetalFlex makes of a layout holds 'hydrocephalus'" in told
    assert "note:" not in run(*arguments, "--out", "b").stderr
