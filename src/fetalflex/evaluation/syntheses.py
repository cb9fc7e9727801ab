"""Synthesise every evaluated image from its own layout, and from edited ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fetalflex.anatomy import CHANGED, Layout, Registry
from fetalflex.evaluation.adherence.layout_edits import with_one_moved
from fetalflex.evaluation.adherence.tests import adherence_test
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Sample
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import OnProgress, counting_from, tell_nobody

ENLARGED = "enlarged"
REMOVED = "removed"
MOVED = "moved"


@dataclass(frozen=True)
class Task:
    """One image to make.

    Args:
        name: What its file is called, without an ending.
        sample: Real image whose background is kept.
        layout: What to show in it.
        roi: Mode of its region; None is the evaluation's.
    """

    name: str
    sample: Sample
    layout: Layout
    roi: str | None = None

    @property
    def before(self) -> Layout | None:
        """Return the sample's own layout if the layout to show is an edited one."""
        return None if self.layout == self.sample.layout else self.sample.layout


def plan_tasks(samples: Sequence[Sample], with_edits: bool) -> list[Task]:
    """Return what is to be made: one image per sample and, where a structure can be tested, two with edited layouts."""
    tasks = []
    for sample in samples:
        tasks.append(Task(sample.name, sample, sample.layout))
        test = adherence_test(sample.layout) if with_edits else None
        if test is not None:
            tasks.append(Task(f"{sample.name}.{ENLARGED}", sample, test.enlarge(sample.layout)))
            tasks.append(Task(f"{sample.name}.{REMOVED}", sample, test.remove(sample.layout)))
    return tasks


def plan_local_edits(samples: Sequence[Sample], registry: Registry) -> list[Task]:
    """Return an edit of each sample that holds an inner structure: one is moved, and only what changes is made anew."""
    tasks = []
    for sample in samples:
        edited = with_one_moved(sample.layout, sample.layout.outline(registry), sample.position)
        if edited is not None:
            tasks.append(Task(f"{sample.name}.{MOVED}", sample, edited, CHANGED))
    return tasks


def synthesise_missing(
    pipeline: FetalFlexPipeline,
    tasks: Sequence[Task],
    kept: KeptSyntheses,
    sampling: Sampling,
    roi: str = "auto",
    seed: int = 0,
    batch_size: int = 4,
    on_progress: OnProgress = tell_nobody,
) -> None:
    """Synthesise what is not finished yet; each batch is written before the next begins.

    All images of a sample have the seed `seed` + the sample's position, so that what differs between them comes from
    the edit, and, where an edit reaches beyond the outline, from the wider close-up that the model then sees. The
    region to synthesise covers the structures before and after the edit.

    Args:
        pipeline: The model.
        tasks: What to make.
        kept: Where finished images lie.
        sampling: How to sample.
        roi: Mode of the region to synthesise.
        seed: Seed of the evaluation.
        batch_size: Images that are computed together.
        on_progress: Called with how many of the tasks are done by now, fractions included.
    """
    missing = [task for task in tasks if not kept.has(task.name)]
    for start in range(0, len(missing), batch_size):
        batch = missing[start : start + batch_size]
        done = len(tasks) - len(missing) + start
        syntheses = pipeline.batch(
            [_request(pipeline, task, task.roi or roi, seed) for task in batch],
            sampling,
            batch_size=batch_size,
            on_progress=counting_from(done, on_progress),
        )
        for task, synthesis in zip(batch, syntheses, strict=True):
            kept.add(task.name, synthesis)
        on_progress(done + len(batch))


def _request(pipeline: FetalFlexPipeline, task: Task, roi: str, seed: int) -> Request:
    own = task.sample.layout
    region = pipeline.edit_roi(own, task.layout, roi)
    return Request(task.layout, task.sample.image(), region, seed=seed + task.sample.position, before=task.before)
