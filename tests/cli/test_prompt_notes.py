from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_helpers import RunCommand

from fetalflex.abilities import ABILITIES, Abilities, PromptAbility, StructureAbility
from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.errors import FetalFlexError
from fetalflex.models.build import show_names
from fetalflex.models.components import Components
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.request_notes import layout_notes, prompt_notes


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


PELVIS = """format: fetalflex/planes
version: 1
structures:
  bladder: {colour: [10, 200, 30], echogenicity: anechoic, typical_size: [0.2, 0.2]}
planes:
  pelvic_transverse: {structures: [bladder, stomach]}
"""


def placed(plane: str, *names: str) -> Layout:
    return Layout(plane, 64, 64, tuple(PlacedStructure(name, Box(32, 32, 10, 10)) for name in names))


def test_what_a_user_has_added_since_the_training_was_never_learnt(loaded: FetalFlexPipeline, tiny_model: Path) -> None:
    [note] = layout_notes(loaded, str(tiny_model), [placed("pelvic_transverse", "bladder", "stomach")])
    assert "has never learnt the plane pelvic_transverse, bladder: " in note
    assert not list(layout_notes(loaded, str(tiny_model), [placed("abdominal_transverse", "stomach", "abdomen")]))


def test_structures_without_a_channel_were_never_learnt(random_model: Components, tiny_model: Path) -> None:
    show_names(random_model, {}, ["abdomen"])
    pipeline = FetalFlexPipeline(random_model)
    [note] = layout_notes(pipeline, str(tiny_model), [placed("abdominal_transverse", "stomach", "abdomen")])
    assert "has never learnt stomach: " in note


def test_structures_that_no_training_image_had_were_never_learnt(
    loaded: FetalFlexPipeline, tiny_model: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(tiny_model, tmp_path / "measured"))
    seen = StructureAbility("abdominal_transverse", "abdomen", 9)
    unseen = StructureAbility("abdominal_transverse", "stomach", 0)
    Abilities(loaded.identity, {}, {}, (seen, unseen)).save(copied / ABILITIES)
    [note] = layout_notes(loaded, str(copied), [placed("abdominal_transverse", "stomach", "abdomen")])
    assert "has never learnt stomach: " in note


def test_words_of_a_users_planes_were_never_learnt_either(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "pelvis.yaml").write_text(PELVIS)
    registry = default_registry().extended_with(tmp_path / "pelvis.yaml")
    pipeline = FetalFlexPipeline.from_pretrained(tiny_model, registry)
    [note] = prompt_notes(pipeline, str(tiny_model), ["with bladder"])
    assert "holds 'bladder'; unless" in note


@pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
@pytest.mark.parametrize(
    ("text", "message"),
    [("a \udcfc", "is not UTF-8 text"), ("a\0", "zero character"), ("a" * 10_001, "10001 characters")],
)
def test_prompts_that_are_no_text_are_refused(loaded: FetalFlexPipeline, field: str, text: str, message: str) -> None:
    with pytest.raises(FetalFlexError, match=f"^{field} .*{message}"):
        loaded(placed("abdominal_transverse", "abdomen"), sampling=Sampling(steps=1), **{field: text})
