from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.abilities import Abilities, Hits
from fetalflex.anatomy.anomalies import AnomalyLibrary, default_library
from fetalflex.data import DatasetFolder
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Selection, select_samples
from fetalflex.experiments.abilities import measure_abilities, plan_cases
from fetalflex.experiments.abilities_sheet import abilities_page, draw_case_sheet
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling


@pytest.fixture(scope="module")
def selection(pipeline: FetalFlexPipeline, phantom_folder: Path) -> Selection:
    return select_samples([DatasetFolder(phantom_folder)], pipeline.registry, "val")


@pytest.fixture(scope="module")
def library() -> AnomalyLibrary:
    whole = default_library()
    chosen = [whole.anomaly(name) for name in ("microcephaly", "absence", "absent_cavum_septi_pellucidi")]
    return AnomalyLibrary(chosen, whole.rules, whole.directions, whole.sources, whole.signs)


def test_cases_are_variants_of_what_can_be_tested(
    pipeline: FetalFlexPipeline, selection: Selection, library: AnomalyLibrary
) -> None:
    cases = plan_cases(selection, library, pipeline, 3)
    assert [case.name for case in cases] == [
        f"microcephaly.{grade}.{number}" for grade in ("moderate", "severe") for number in range(3)
    ]
    assert len({case.sample.name for case in cases[:3]}) == 3
    assert [case.variant.after for case in plan_cases(selection, library, pipeline, 3)] == [
        case.variant.after for case in cases
    ]


def test_what_a_model_can_draw_is_measured(
    pipeline: FetalFlexPipeline, selection: Selection, library: AnomalyLibrary, tmp_path: Path
) -> None:
    kept = KeptSyntheses(tmp_path / "out", {})
    sampling = Sampling(steps=1)
    arguments = (pipeline, selection, library, kept, sampling, {"split": "val"}, 1, 4)
    found = measure_abilities(*arguments)
    assert found.model == pipeline.identity
    assert {grade: hits.of for grade, hits in found.anomalies["microcephaly"].items()} == {"moderate": 1, "severe": 1}
    skull = found.structure("thalamic_transverse", "skull")
    assert skull is not None
    assert (skull.training_images, skull.real, skull.drawn.of) == (36, Hits(4, 4), 4)
    plexus = found.structure("thalamic_transverse", "choroid_plexus")
    assert plexus is not None
    assert (plexus.training_images, plexus.drawn.of) == (0, 0)
    assert found.prompt is None  # for lack of another plane
    before = {path.name: path.stat().st_mtime_ns for path in (kept.root / "syntheses").iterdir()}
    assert measure_abilities(*arguments) == found
    assert {path.name: path.stat().st_mtime_ns for path in (kept.root / "syntheses").iterdir()} == before
    page = abilities_page(found, pipeline.registry)
    assert "| microcephaly | moderate |" in page
    assert "| thalamic_transverse | Choroid plexus | 0 | - | - | - |" in page
    assert draw_case_sheet(plan_cases(selection, library, pipeline, 1), kept, pipeline.registry) is not None
    found.save(tmp_path / "abilities.json")
    assert Abilities.load(tmp_path / "abilities.json") == found
