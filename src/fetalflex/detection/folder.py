"""Detect in many images, and write what was found as a data set folder with layouts and review sheets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fetalflex import __version__
from fetalflex.anatomy import Canvas
from fetalflex.data import DatasetFolder, Record, write_png
from fetalflex.data.file_names import FileNames
from fetalflex.data.utf8_text import displayable
from fetalflex.detection.detector import MIN_SCORE, Detector
from fetalflex.detection.folder_kinds import DETECTED_SET
from fetalflex.detection.found import REVIEW_BELOW, Detection
from fetalflex.detection.review_sheet import SHEET_IMAGES, ReviewItem, draw_review_sheet
from fetalflex.detection.sources import ImageSource
from fetalflex.errors import FetalFlexError
from fetalflex.files import new_folder, write_text
from fetalflex.files.json_files import JsonObject, json_text
from fetalflex.progress import OnProgress, tell_nobody
from fetalflex.provenance import SyntheticMark, mark_of_fields, picture_text

DETECTIONS = "detections.json"
LAYOUTS = "layouts"
MOST_SHEETS = 8


@dataclass(frozen=True)
class DetectionSettings:
    """How to detect.

    Args:
        plane: Plane of all images; None to find each image's own.
        min_score: Boxes that score less are left out, 0 to 1.
        review_below: What scores less is marked for review, 0 to 1.
        batch_size: Images that are computed together.
    """

    plane: str | None = None
    min_score: float = MIN_SCORE
    review_below: float = REVIEW_BELOW
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name in ("min_score", "review_below"):
            if not 0 <= getattr(self, name) <= 1:
                raise FetalFlexError(f"{name} is {getattr(self, name)}; give a score from 0 to 1")


@dataclass(frozen=True)
class FoundImage:
    """What was found in one image, and where it was written, relative to the folder."""

    origin: str
    record: Record
    detection: Detection
    doubts: tuple[str, ...]

    @property
    def layout_file(self) -> str:
        """Where its layout lies."""
        return f"{LAYOUTS}/{PurePosixPath(self.record.file_name).stem}.layout.json"

    @property
    def is_synthetic(self) -> bool:
        """Whether the image is known to be synthetic."""
        return mark_of_fields(self.record.extra) is not None

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        placed = zip(self.detection.layout.structures, self.detection.scores, strict=True)
        return {
            "image": self.origin,
            "file_name": self.record.file_name,
            "layout": self.layout_file,
            "plane": self.detection.layout.plane,
            "plane_score": round(self.detection.plane_score, 4),
            "boxes": [
                {"structure": one.name, "bbox": [round(v, 2) for v in one.box.xywh()], "score": round(score, 4)}
                for one, score in placed
            ],
            "review": list(self.doubts),
            **({"synthetic": True} if self.is_synthetic else {}),
        }


@dataclass(frozen=True)
class FoundFolder:
    """What a detection over many images found and wrote.

    Args:
        detector: Identity of the detector.
        images: What was found, in the order of the images.
        refused: Where and why an image could not be read.
        sheets: Number of review sheets.
    """

    detector: str
    images: tuple[FoundImage, ...]
    refused: tuple[tuple[str, str], ...]
    sheets: int

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            "detector": self.detector,
            "images": [image.to_dict() for image in self.images],
            "refused": [{"image": where, "reason": why} for where, why in self.refused],
        }

    def summary(self) -> str:
        """Return one sentence with the totals."""
        boxes = sum(len(image.detection.scores) for image in self.images)
        doubtful = sum(bool(image.doubts) for image in self.images)
        synthetic = sum(image.is_synthetic for image in self.images)
        told = f"; {synthetic} images are synthetic" if synthetic else ""
        return f"{boxes} boxes in {len(self.images)} images; {doubtful} images to review{told}"


def detect_into_folder(
    detector: Detector,
    sources: Sequence[ImageSource],
    out: Path,
    settings: DetectionSettings | None = None,
    *,
    force: bool = False,
    on_progress: OnProgress = tell_nobody,
) -> FoundFolder:
    """Detect in images and write a data set folder, wholly or not at all.

    Beside `annotations.json` and `images/` it holds `layouts/`, one layout file per image; `review-1.png` and so on,
    the images most in need of review first; and `detections.json`. An image that cannot be read is left out and told.

    Args:
        detector: What finds.
        sources: Where to look.
        out: Folder to make.
        settings: How to detect.
        force: Replace a folder of detections that is at `out`.
        on_progress: Told how many images are done.

    Raises:
        FetalFlexError: If the plane is unknown, something is in the way at `out`, or no image can be read.
    """
    work = _Detecting(detector, settings or DetectionSettings(), on_progress)
    info = {"description": f"boxes found by {detector.identity}, not drawn by people; FetalFlex {__version__}"}
    with new_folder(out, DETECTED_SET, force) as folder:
        dataset = DatasetFolder.write_into(folder, work.items(sources), detector.registry, info)
        if not work.found:
            raise FetalFlexError(f"none of the {len(sources)} images can be read; {': '.join(work.refused[0])}")
        (folder / LAYOUTS).mkdir()
        for image in work.found:
            image.detection.layout.save(folder / image.layout_file)
        sheets = _write_sheets(folder, dataset, work.found, detector, work.settings.review_below)
        result = FoundFolder(detector.identity, tuple(work.found), tuple(work.refused), sheets)
        write_text(folder / DETECTIONS, json_text(result.to_dict()))
    return result


class _Detecting:
    """Detect batch by batch, and remember what was found and what could not be read."""

    def __init__(self, detector: Detector, settings: DetectionSettings, on_progress: OnProgress) -> None:
        self.settings = settings
        self.found: list[FoundImage] = []
        self.refused: list[tuple[str, str]] = []
        self._plane = None if settings.plane is None else detector.plane(settings.plane)
        self._detector = detector
        self._on_progress = on_progress
        self._names = FileNames()

    def items(self, sources: Iterable[ImageSource]) -> Iterator[tuple[Record, NDArray[np.uint8]]]:
        """Yield a record and an image for each source that can be read."""
        batch: list[tuple[ImageSource, NDArray[np.uint8]]] = []
        number = 0
        for number, source in enumerate(sources, start=1):
            try:
                batch.append((source, self._read(source)))
            except FetalFlexError as error:
                self.refused.append((source.origin, displayable(str(error))))
            if len(batch) == self.settings.batch_size:
                yield from self._detected(batch)
                batch = []
                self._on_progress(number)
        yield from self._detected(batch)
        self._on_progress(number)

    def _read(self, source: ImageSource) -> NDArray[np.uint8]:
        """Return an image; raise FetalFlexError if it cannot be read, or is too long for a layout."""
        pixels = source.read()
        Canvas(pixels.shape[1], pixels.shape[0], self._detector.config.size)
        return pixels

    def _detected(
        self, batch: Sequence[tuple[ImageSource, NDArray[np.uint8]]]
    ) -> Iterator[tuple[Record, NDArray[np.uint8]]]:
        planes = [self._plane] * len(batch)
        detections = self._detector.detect([pixels for _, pixels in batch], planes, self.settings.min_score)
        for (source, pixels), detection in zip(batch, detections, strict=True):
            record, detection = self._record(source, detection, source.mark(pixels))
            doubts = tuple(detection.doubts(self._detector.registry, self.settings.review_below))
            self.found.append(FoundImage(source.origin, record, detection, doubts))
            yield record, pixels

    def _record(
        self, source: ImageSource, detection: Detection, mark: SyntheticMark | None
    ) -> tuple[Record, Detection]:
        known = source.record
        if (spacing := _spacing(source, detection)) is not None:
            detection = replace(detection, layout=replace(detection.layout, pixel_spacing_mm=spacing))
        extra = source.fields | detection.extra(self._detector.registry, self.settings.review_below)
        extra["annotator"] = self._detector.identity
        if mark is not None:
            extra = mark.added_to(extra)
        record = Record(self._names.give(source.stem, ".png"), detection.layout, extra=extra)
        if known is not None:
            record = replace(
                record, patient=known.patient, source=known.source, split=known.split, quality=known.quality
            )
        return record, detection


def _spacing(source: ImageSource, detection: Detection) -> float | None:
    """Return the side of a pixel, mm, that a data set or a header gives; None if neither does."""
    if source.record is not None:
        return source.record.layout.pixel_spacing_mm
    if source.facts is None:
        return None
    return source.facts.spacing_at([(one.box.cx, one.box.cy) for one in detection.layout.structures])[0]


def _write_sheets(
    folder: Path, dataset: DatasetFolder, found: Sequence[FoundImage], detector: Detector, below: float
) -> int:
    """Write the review sheets, those images first that have most to review; return how many sheets there are."""
    ordered = sorted(found, key=lambda image: (-len(image.doubts), min(image.detection.scores, default=0.0)))
    shown = ordered[: MOST_SHEETS * SHEET_IMAGES]
    parts = [shown[start : start + SHEET_IMAGES] for start in range(0, len(shown), SHEET_IMAGES)]
    for number, part in enumerate(parts, start=1):
        items = [
            ReviewItem(dataset.image(image.record), image.detection, image.record.file_name, image.doubts)
            for image in part
        ]
        sheet = draw_review_sheet(items, detector.registry, below)
        text = picture_text("", synthetic=any(image.is_synthetic for image in part))
        write_png(folder / f"review-{number}.png", sheet, text)
    return len(parts)
