"""Layout fidelity: does a detector find in the syntheses what their layouts ask for?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from fetalflex.anatomy import Layout
from fetalflex.data import Record
from fetalflex.detection.accuracy import Judged, mean_precision, precision_by_structure
from fetalflex.detection.annotated import AnnotatedStructures
from fetalflex.detection.average_precision import AveragePrecision
from fetalflex.detection.detector import MIN_SCORE, Detector, patients_seen
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.adherence.tests import adherence_test
from fetalflex.evaluation.intervals import Estimate, patient_draws, sampled_mean, share_estimate
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Sample, Selection
from fetalflex.evaluation.syntheses import ENLARGED, REMOVED, Task
from fetalflex.progress import OnProgress, tell_nobody

REAL = "real"
UNEDITED = "unedited"
KINDS = (REAL, UNEDITED, ENLARGED, REMOVED)
"""What the detector looks at: the real images, the ceiling, and the syntheses by the edit of their layouts."""

_FOUND_IOU = 0.5


@dataclass(frozen=True)
class StructureFidelity:
    """How one structure that layouts ask for is found in one kind of images.

    Args:
        precision: COCO's average precision of the requested boxes.
        iou: Mean IoU of requested and found box, 0 where nothing was found.
        found: Share of requested boxes that were found with an IoU of at least 0.5.
    """

    precision: AveragePrecision
    iou: Estimate
    found: Estimate


@dataclass(frozen=True)
class EditFidelity:
    """What becomes of a structure that edits enlarge and remove, over the images in which it is edited.

    Args:
        enlarged_iou: Mean IoU of the found box with the enlarged one, in the syntheses that ask for that.
        unenlarged_iou: The same with the box before the edit: near this is a model that ignores the edit.
        still_found: Share of images in which the structure is found at all, by kind of image: real, unedited, removed.
    """

    enlarged_iou: Estimate
    unenlarged_iou: Estimate
    still_found: dict[str, Estimate]


@dataclass(frozen=True)
class LayoutFidelity:
    """What a detector says of all images of an evaluation.

    Args:
        detector: Its identity.
        structures: By kind of image, then by structure.
        edits: By structure.
        notes: Sentences that the reader should know.
        pairs: Each image with what was found in it and in its unedited synthesis, beside what its layout asks for.
    """

    detector: str
    structures: dict[str, dict[str, StructureFidelity]]
    edits: dict[str, EditFidelity] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pairs: tuple[tuple[Sample, Judged, Judged], ...] = ()

    def means(self, kind: str) -> tuple[float, float]:
        """Return AP50 and AP of a kind of images, means over structures."""
        return mean_precision(one.precision for one in self.structures[kind].values())


@dataclass(frozen=True)
class _Seen:
    """What was found in one image."""

    sample: Sample
    judged: Judged


def measure_layout_fidelity(
    detector: Detector,
    selection: Selection,
    tasks: Sequence[Task],
    kept: KeptSyntheses,
    batch_size: int = 16,
    on_progress: OnProgress = tell_nobody,
) -> LayoutFidelity:
    """Compare the boxes found in syntheses with those that their layouts ask for, and in real images with their own.

    The detector is told the plane. A structure counts on those images alone whose source annotates it.

    Args:
        detector: The detector.
        selection: The evaluated images.
        tasks: What was synthesised.
        kept: Where the syntheses lie.
        batch_size: Images that are computed together.
        on_progress: Told how many images are done.
    """
    known = [task for task in tasks if task.sample.plane in detector.config.planes]
    annotated = AnnotatedStructures.of(s.record for s in (*selection.training, *selection.held_out))
    looking = _Looking(detector, annotated, kept, batch_size, on_progress)
    plain = [task for task in known if _kind(task) == UNEDITED]
    seen = {REAL: looking.at(plain, real=True)}
    seen |= {kind: looking.at([task for task in known if _kind(task) == kind]) for kind in KINDS[1:]}
    on_progress(looks(tasks))
    return LayoutFidelity(
        detector.identity,
        {kind: structures for kind, images in seen.items() if (structures := _by_structure(images))},
        _edits(seen),
        tuple(_notes(detector, selection)),
        tuple((real.sample, real.judged, made.judged) for real, made in zip(seen[REAL], seen[UNEDITED], strict=True)),
    )


def check_planes(detector: Detector, selection: Selection) -> None:
    """Check, before time is spent on syntheses, that a detector can judge any of them.

    Raises:
        FetalFlexError: If it knows none of their planes and structures.
    """
    if not any(set(s.layout.names()) & set(detector.config.planes.get(s.plane, ())) for s in selection.evaluated):
        raise FetalFlexError(
            f"the detector finds none of the structures of {', '.join(selection.planes)}; it knows the planes "
            f"{', '.join(detector.config.planes)}"
        )


def looks(tasks: Sequence[Task]) -> int:
    """Return at how many images `measure_layout_fidelity` looks."""
    return len(tasks) + sum(_kind(task) == UNEDITED for task in tasks)


@dataclass
class _Looking:
    """Look at real images or syntheses, batch by batch."""

    detector: Detector
    annotated: AnnotatedStructures
    kept: KeptSyntheses
    batch_size: int
    on_progress: OnProgress
    done: int = 0

    def at(self, tasks: Sequence[Task], real: bool = False) -> list[_Seen]:
        seen: list[_Seen] = []
        for start in range(0, len(tasks), self.batch_size):
            part = tasks[start : start + self.batch_size]
            images = [
                task.sample.image() if real else self.kept.image(task.name, (task.layout.height, task.layout.width))
                for task in part
            ]
            found = self.detector.detect(images, [task.sample.plane for task in part], min_score=0.0)
            for task, detection in zip(part, found, strict=True):
                names = frozenset(self.annotated.looked_for(task.sample.record, self.detector.registry))
                names &= frozenset(self.detector.config.planes[task.sample.plane])
                seen.append(_Seen(task.sample, Judged(task.layout, detection, names)))
            self.done += len(part)
            self.on_progress(self.done)
        return seen


def _kind(task: Task) -> str:
    # The sample's own name may end like an edit, if its file is called so.
    edit = task.name.removeprefix(task.sample.name)
    return next((kind for kind in (ENLARGED, REMOVED) if edit == f".{kind}"), UNEDITED)


def _by_structure(images: Sequence[_Seen]) -> dict[str, StructureFidelity]:
    found = {}
    of_images = [(one, one.judged.ious(MIN_SCORE)) for one in images]
    for name, precision in precision_by_structure([one.judged for one in images]).items():
        asked = [one for one, ious in of_images if name in ious]
        ious = [ious[name] for _, ious in of_images if name in ious]
        hits = sum(iou >= _FOUND_IOU for iou in ious)
        found[name] = StructureFidelity(precision, _mean(ious, asked), share_estimate(hits, len(ious)))
    return found


def _edits(seen: dict[str, list[_Seen]]) -> dict[str, EditFidelity]:
    """Return what became of each structure that was edited and that the detector finds."""
    edited: dict[str, list[Sample]] = {}
    for one in seen[REMOVED]:
        test = adherence_test(one.sample.layout)
        if test is not None and test.structure in one.judged.looked_for:
            edited.setdefault(test.structure, []).append(one.sample)
    by_position = {kind: {one.sample.position: one for one in images} for kind, images in seen.items()}
    results = {}
    for name, samples in edited.items():
        of_kind = {kind: [images[s.position] for s in samples] for kind, images in by_position.items()}
        enlarged = [one for one in of_kind[ENLARGED] if one.judged.boxes_of(name).true]
        results[name] = EditFidelity(
            _mean([one.judged.iou_of(name, MIN_SCORE) for one in enlarged], enlarged),
            _mean([_asked(one, one.sample.layout).iou_of(name, MIN_SCORE) for one in enlarged], enlarged),
            {kind: _share_found(of_kind[kind], name) for kind in (REAL, UNEDITED, REMOVED)},
        )
    return results


def _asked(one: _Seen, layout: Layout) -> Judged:
    """Return what was found in an image as if another layout had been asked for."""
    return Judged(layout, one.judged.found, one.judged.looked_for)


def _share_found(images: Sequence[_Seen], name: str) -> Estimate:
    scores = [one.judged.found.score_of(name) or 0.0 for one in images]
    return share_estimate(sum(score >= MIN_SCORE for score in scores), len(scores))


def _mean(values: Sequence[float], images: Sequence[_Seen]) -> Estimate:
    draws = patient_draws([one.sample.patient for one in images])
    return sampled_mean(np.array(values, dtype=np.float64), draws).estimate


def _notes(detector: Detector, selection: Selection) -> Iterable[str]:
    if left := sorted({s.plane for s in selection.evaluated} - set(detector.config.planes)):
        yield f"The detector does not know {', '.join(left)}, which are left out."
    if detector.config.training is None:
        yield "The detector does not say on which patients it was trained, so whether its ceiling is sound is unknown."
        return
    seen = set(detector.config.training.patients)
    evaluated, training = ([sample.record for sample in part] for part in (selection.evaluated, selection.training))
    if both := patients_seen(evaluated, seen):
        yield (
            f"{both} of the {_patients(evaluated)} evaluated patients are among those that the detector was trained "
            "on: what it finds in their real images, the ceiling, and in the backgrounds of their syntheses is too "
            "good."
        )
    if both := patients_seen(training, seen):
        yield (
            f"{both} of the {_patients(training)} patients in the split train, from which the model has learnt if it "
            "was trained on these data, were also the detector's: habits of those annotations that both share are not "
            "seen as errors. A detector trained on one half (data.half) and a model on the other would see them."
        )


def _patients(records: Sequence[Record]) -> int:
    return len({record.person for record in records})
