"""What the detector finds in the real images: where it can be trusted, and how far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fetalflex.detection import Detector
from fetalflex.detection.accuracy import Judged
from fetalflex.detection.annotated import AnnotatedStructures
from fetalflex.detection.detector import MIN_SCORE
from fetalflex.evaluation.intervals import Estimate, patients_share
from fetalflex.evaluation.prompts.finding import detect_all, is_found
from fetalflex.evaluation.samples import Sample, Selection
from fetalflex.progress import OnProgress, tell_nobody

RELIABLE_IOU = 0.3
"""Overlap of found and annotated box from which a find is that structure; thin structures rarely reach 0.5."""


@dataclass(frozen=True)
class RealLook:
    """What the detector finds in one real image, beside what is true of it."""

    sample: Sample
    judged: Judged

    def reliable(self) -> Iterator[str]:
        """Yield the annotated structures that the detector finds where they are, in alphabetical order."""
        for name, iou in self.judged.ious(MIN_SCORE).items():
            if iou >= RELIABLE_IOU:
                yield name


def look_at_real(
    detector: Detector, selection: Selection, batch_size: int = 16, on_progress: OnProgress = tell_nobody
) -> list[RealLook]:
    """Return what the detector finds in all evaluated images of planes that it knows; it is told the plane."""
    samples = [sample for sample in selection.evaluated if detector.config.planes.get(sample.plane)]
    annotated = AnnotatedStructures.of(s.record for s in (*selection.training, *selection.held_out))
    planes = [sample.plane for sample in samples]
    found = detect_all(detector, [sample.image for sample in samples], planes, batch_size, on_progress)
    looks = []
    for sample, detection in zip(samples, found, strict=True):
        names = frozenset(annotated.looked_for(sample.record, detector.registry))
        names &= frozenset(detector.config.planes[sample.plane])
        looks.append(RealLook(sample, Judged(sample.layout, detection, names)))
    return looks


@dataclass(frozen=True)
class RealFinds:
    """How often the detector finds a structure in real images, which bounds what can be measured.

    Args:
        present: Share of the images that show it in which it is found; None without any.
        absent: Share of the images that do not, although it was looked for, in which it is found nonetheless.
    """

    present: Estimate | None
    absent: Estimate | None


def real_finds(looks: Sequence[RealLook], plane: str, structure: str) -> RealFinds:
    """Return how often the detector finds a structure in the real images of a plane."""
    of_plane = [one for one in looks if one.sample.plane == plane and structure in one.judged.looked_for]
    return RealFinds(
        _share([one for one in of_plane if one.sample.layout.find(structure)], structure),
        _share([one for one in of_plane if not one.sample.layout.find(structure)], structure),
    )


def _share(looks: Sequence[RealLook], structure: str) -> Estimate | None:
    if not looks:
        return None
    return patients_share([is_found(one.judged.found, structure) for one in looks], [o.sample.patient for o in looks])
