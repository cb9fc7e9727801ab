"""Measure a detector on annotated images that it was not trained on."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from fetalflex.data import Dataset, Record
from fetalflex.data.real_only import check_real
from fetalflex.data.records import SPLITS
from fetalflex.detection.accuracy import Judged, mean_precision, precision_by_structure
from fetalflex.detection.annotated import AnnotatedStructures
from fetalflex.detection.average_precision import AveragePrecision
from fetalflex.detection.detector import Detector, patients_seen
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.progress import Show, show_nothing


@dataclass(frozen=True)
class DetectorEvaluationSettings:
    """On what a detector is measured.

    Args:
        split: "train", "val" or "test".
        planes: Only these planes, by name or synonym; all that the detector knows by default.
        min_quality: Only images rated at least so; those without a rating stay.
        tell_plane: Tell the detector each image's plane; else it finds it, and in a wrong plane misses the structures
            that this lacks.
        batch_size: Images that are computed together.
        allow_synthetic: Measure on synthetic images too.
    """

    split: str = "test"
    planes: tuple[str, ...] = ()
    min_quality: int | None = None
    tell_plane: bool = False
    batch_size: int = 16
    allow_synthetic: bool = False


@dataclass(frozen=True)
class JudgedImage:
    """An image of a data set, and what was found in it."""

    dataset: Dataset
    record: Record
    judged: Judged
    plane: str

    @property
    def plane_is_right(self) -> bool:
        """Whether the detector, untold, names the plane of the annotation."""
        return self.plane == self.record.layout.plane


@dataclass(frozen=True)
class DetectorResults:
    """What was found about a detector.

    Args:
        facts: What was measured and how, as JSON values.
        images: All images, also those without boxes, which tell of the plane alone.
        notes: Sentences that the reader should know.
    """

    facts: JsonObject
    images: tuple[JudgedImage, ...]
    notes: tuple[str, ...] = ()

    def structures(self, plane: str | None = None) -> dict[str, AveragePrecision]:
        """Return the average precision of each structure, in one plane or in all together."""
        chosen = [one.judged for one in self.images if plane in (None, one.record.layout.plane)]
        return precision_by_structure([one for one in chosen if one.looked_for])

    def means(self, plane: str | None = None) -> tuple[float, float]:
        """Return AP50 and AP, means over the structures of one plane or of all."""
        return mean_precision(self.structures(plane).values())

    def planes(self) -> dict[str, Counter[str]]:
        """Return for each true plane how often each plane was found."""
        found: dict[str, Counter[str]] = {}
        for one in self.images:
            found.setdefault(one.record.layout.plane, Counter())[one.plane] += 1
        return found


def evaluate_detector(
    detector: Detector,
    datasets: Sequence[Dataset],
    settings: DetectorEvaluationSettings | None = None,
    show: Show = show_nothing,
) -> DetectorResults:
    """Run a detector on a split, and compare planes and boxes with the annotations.

    Args:
        detector: The detector.
        datasets: Data sets; all their splits tell which structures a source annotates.
        settings: On what to measure.
        show: Shows progress.

    Raises:
        FetalFlexError: If a split or plane is unknown, nothing is chosen, or images are synthetic although that is not
            allowed.
    """
    settings = settings or DetectorEvaluationSettings()
    chosen = _chosen(detector, datasets, settings)
    if not settings.allow_synthetic:
        check_real(chosen, "images to measure a detector on", "give --allow-synthetic")
    annotated = AnnotatedStructures.of(record for dataset in datasets for record in dataset)
    images: list[JudgedImage] = []
    with show("detecting", len(chosen)) as tell:
        for start in range(0, len(chosen), settings.batch_size):
            part = chosen[start : start + settings.batch_size]
            images += _judged(detector, part, annotated, settings.tell_plane)
            tell(len(images))
    records = [record for _, record in chosen]
    return DetectorResults(_facts(detector, records, settings), tuple(images), tuple(_notes(detector, records)))


def seen_patients(detector: Detector, records: Sequence[Record]) -> int | None:
    """Return how many patients of the records the detector was trained on; None if it does not say."""
    if detector.config.training is None:
        return None
    return patients_seen(records, set(detector.config.training.patients))


def _chosen(
    detector: Detector, datasets: Sequence[Dataset], settings: DetectorEvaluationSettings
) -> list[tuple[Dataset, Record]]:
    if settings.split not in SPLITS:
        raise FetalFlexError(f"split {settings.split!r} is unknown; choose one of {', '.join(SPLITS)}")
    planes = [detector.plane(name) for name in settings.planes] or list(detector.config.planes)
    chosen = [
        (dataset, record)
        for dataset in datasets
        for record in dataset.subset(settings.split, planes, settings.min_quality)
    ]
    if not any(record.layout.structures for _, record in chosen):
        raise FetalFlexError(
            f"no annotated image has the split {settings.split}, one of the planes {', '.join(planes)} and the wanted "
            "quality, so there is nothing to measure the detector by"
        )
    return chosen


def _judged(
    detector: Detector, part: Sequence[tuple[Dataset, Record]], annotated: AnnotatedStructures, tell_plane: bool
) -> list[JudgedImage]:
    pixels = [dataset.image(record) for dataset, record in part]
    found = detector.detect(pixels, min_score=0.0)
    planes = [one.layout.plane for one in found]
    if tell_plane:
        found = detector.detect(pixels, [record.layout.plane for _, record in part], min_score=0.0)
    judged = []
    for (dataset, record), detection, plane in zip(part, found, planes, strict=True):
        looked_for = frozenset(annotated.looked_for(record, detector.registry))
        judged.append(JudgedImage(dataset, record, Judged(record.layout, detection, looked_for), plane))
    return judged


def _facts(detector: Detector, records: Sequence[Record], settings: DetectorEvaluationSettings) -> JsonObject:
    return {
        "detector": detector.identity,
        "canvas": detector.config.size,
        "split": settings.split,
        "plane": "told" if settings.tell_plane else "found",
        "min_quality": settings.min_quality,
        "images": len(records),
        "annotated_images": sum(bool(record.layout.structures) for record in records),
        "patients": len({record.person for record in records}),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("fetalflex", "torch", "transformers", "numpy")},
    }


def _notes(detector: Detector, records: Sequence[Record]) -> Iterator[str]:
    seen = seen_patients(detector, records)
    if seen is None:
        yield "The detector does not say on which patients it was trained, so these numbers may be too good."
    elif seen:
        yield f"{seen} of the patients are among those that the detector was trained on: the numbers are too good."
