from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import default_registry
from fetalflex.data import DatasetFolder
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Sample, select_samples
from fetalflex.evaluation.strengths import (
    KINDS,
    StrengthEdit,
    judge_strengths,
    plan_strength_edits,
    strengths_markdown,
    strengths_values,
    synthesise_strengths,
)
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis
from phantoms import draw_phantom

REGISTRY = default_registry()
SAMPLING = Sampling(steps=2)


@pytest.fixture(scope="module")
def samples(phantom_folder: Path) -> list[Sample]:
    return list(select_samples([DatasetFolder(phantom_folder)], REGISTRY, "val", limit=6).evaluated)


@pytest.fixture(scope="module")
def edits(samples: list[Sample]) -> list[StrengthEdit]:
    return plan_strength_edits(samples, REGISTRY)


def keep(edits: list[StrengthEdit], root: Path, obeys: bool) -> KeptSyntheses:
    """Keep what a model makes that draws every edit, or one that returns the source."""
    kept = KeptSyntheses(root, {"format": "fetalflex/strengths-settings"})
    for edit in edits:
        image = draw_phantom(edit.edited, np.random.default_rng(1)) if obeys else edit.sample.image()
        kept.add(edit.name(1.0), Synthesis(image, edit.edited, np.ones(image.shape, bool), "", 0, "ideal"))
    return kept


def test_every_kind_of_edit_is_made_of_the_structure_that_differs_most(edits: list[StrengthEdit]) -> None:
    assert {edit.kind for edit in edits} == set(KINDS)
    for edit in edits:
        changed = set(edit.sample.layout.structures) ^ set(edit.edited.structures)
        assert {one.name for one in changed} <= {"thalami", "cavum_septi_pellucidi"}
        assert len({one.name for one in changed}) == 1
        assert not (edit.covered & edit.left).any()
        assert edit.covered.any() == (edit.kind in ("moved", "enlarged"))


def test_a_model_that_draws_every_edit_goes_all_the_way(
    edits: list[StrengthEdit], pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    results = judge_strengths(pipeline, edits, keep(edits, tmp_path, obeys=True), [1.0])
    assert [one.kind for one in results] == list(KINDS)
    for one in results:
        assert one.follows.value == 1
        # The structure is drawn with speckle, and the overlap of thalami and cavum is the smaller one's.
        assert one.way.value == pytest.approx(1, abs=0.4)


def test_a_model_that_returns_the_source_goes_nowhere(
    edits: list[StrengthEdit], pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    for one in judge_strengths(pipeline, edits, keep(edits, tmp_path, obeys=False), [1.0]):
        assert one.follows.value == 0
        assert one.way.value == 0
        assert one.rulers["tone_error"].value == 0


def test_each_strength_is_made_once_and_reported(
    edits: list[StrengthEdit], pipeline: FetalFlexPipeline, tmp_path: Path
) -> None:
    some, told = [edit for edit in edits if edit.sample == edits[0].sample], []
    kept = KeptSyntheses(tmp_path, {"format": "fetalflex/strengths-settings"})
    synthesise_strengths(pipeline, some, kept, SAMPLING, [0.5, 1.0], on_progress=told.append)
    assert told == list(range(1, 2 * len(some) + 1))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "syntheses").glob("*.png")}
    assert len(before) == 2 * len(some)
    synthesise_strengths(pipeline, some, kept, SAMPLING, [0.5, 1.0])
    assert {path: path.stat().st_mtime_ns for path in before} == before
    results = judge_strengths(pipeline, some, kept, [0.5, 1.0])
    made = {(one.kind, one.strength) for one in results}
    assert {("enlarged", 0.5), ("enlarged", 1.0), ("removed", 0.5), ("removed", 1.0)} <= made  # others may be too small
    values = strengths_values(results)["results"]
    assert [one["follows"]["count"] for one in values] == [1] * len(results)
    assert sum(line.startswith("| removed") for line in strengths_markdown(results)) == 2
