from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fetalflex.data import DatasetFolder
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Sample
from fetalflex.evaluation.syntheses import plan_tasks, synthesise_missing
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling

SAMPLING = Sampling(steps=2)


@pytest.fixture
def samples(phantoms: DatasetFolder) -> list[Sample]:
    return [Sample(phantoms, record, position) for position, record in enumerate(phantoms)][:2]


def test_edited_layouts_are_planned_only_on_request(samples: list[Sample]) -> None:
    assert [task.name for task in plan_tasks(samples, False)] == ["00000-0000", "00001-0001"]
    tasks = plan_tasks(samples[:1], True)
    assert [task.name for task in tasks] == ["00000-0000", "00000-0000.enlarged", "00000-0000.removed"]
    skulls = [task.layout.find("skull") for task in tasks]
    assert skulls[1][0].box.width == pytest.approx(1.15 * skulls[0][0].box.width)
    assert skulls[2] == ()


@pytest.mark.parametrize("mode", ["auto", "box"])
def test_each_image_is_what_the_pipeline_makes_of_the_layout(
    pipeline: FetalFlexPipeline, samples: list[Sample], tmp_path: Path, mode: str
) -> None:
    kept = KeptSyntheses(tmp_path / "out", {})
    tasks = plan_tasks(samples, True)
    synthesise_missing(pipeline, tasks, kept, SAMPLING, mode, seed=7, batch_size=4)
    for task in tasks:
        before, source, seed = task.sample.layout, task.sample.image(), 7 + task.sample.position
        roi = pipeline.edit_roi(before, task.layout, mode)
        if task.layout == before:
            alone = pipeline(task.layout, image=source, roi=roi, seed=seed, sampling=Sampling(steps=2))
        else:
            alone = pipeline.edit(source, before, task.layout, mode, seed=seed, sampling=Sampling(steps=2))
        written = kept.image(task.name, source.shape)
        assert np.abs(alone.image.astype(int) - written).max() <= 1
        np.testing.assert_array_equal(written[~roi], source[~roi])


def test_finished_images_are_not_made_again(pipeline: FetalFlexPipeline, samples: list[Sample], tmp_path: Path) -> None:
    kept = KeptSyntheses(tmp_path / "out", {})
    synthesise_missing(pipeline, plan_tasks(samples[:1], False), kept, SAMPLING)
    before = kept.path("00000-0000").stat().st_mtime_ns
    seen: list[float] = []
    synthesise_missing(pipeline, plan_tasks(samples, False), kept, SAMPLING, on_progress=seen.append)
    assert kept.path("00000-0000").stat().st_mtime_ns == before
    assert kept.has("00001-0001")
    assert seen == sorted(seen)
    assert seen[0] > 1
    assert seen[-1] == 2
