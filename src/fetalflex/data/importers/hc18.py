"""HC18: heads with an ellipse drawn on the skull, pixel sizes and head circumferences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.checks import positive_number
from fetalflex.data.image_files import read_image
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.csv_rows import csv_rows
from fetalflex.data.importers.ellipses import Ellipse, fit_ellipse
from fetalflex.data.importers.fixed_plane import with_fixed_plane
from fetalflex.data.importers.numbers import Keys
from fetalflex.data.importers.reading import files_ending, number
from fetalflex.data.importers.sources import Source
from fetalflex.data.limits import MAX_DRAWN_PIXELS
from fetalflex.data.paths import inside
from fetalflex.errors import FetalFlexError

_OUTLINE_ENDING = "_Annotation"
_TABLE_NAME = re.compile(r"(.+)_pixel_size.*\.csv", re.IGNORECASE)
_FILE_COLUMN, _SPACING_COLUMN, _CIRCUMFERENCE_COLUMN = "filename", "pixel size(mm)", "head circumference (mm)"
_SPLITS = {"training_set": "train", "test_set": "test"}
_PATIENT_PREFIXES = {"train": "hc", "test": "hctest", None: "hc"}
_IMAGE_NAME = re.compile(r"(\d+)_\d*HC")
_DARKEST_OUTLINE = 128
_WORST_OFFSET = 0.03  # of the shorter semi-axis; drawn outlines reach 0.007
_FILLED = 0.4  # of the rectangle around; a filled ellipse takes 0.39 (turned by 45 degrees, thin) to 0.79
_WORST_DISAGREEMENT = 0.05  # of the circumference


class Hc18Importer:
    """Read the folder with `training_set`, `test_set` and their CSV files (Zenodo 1327317).

    An ellipse is fitted to the outline in `xxx_HC_Annotation.png`; the skull's box is the rotated box that touches it.
    The CSV gives the pixel spacing and, for `head_circumference_mm`, the circumference. Images `010_HC` and `010_2HC`
    are of one patient. The test set repeats the training set's numbers for other patients and has no outlines, so its
    images are taken only with `keep_unannotated`.
    """

    name = "hc18"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        options = with_fixed_plane(options, "thalamic_transverse", self.name)
        place = Source(source, options, outlines=True)
        measurements: Keys[tuple[str, str], _Measurement] = Keys("image name")
        for result in _read_tables(place):
            if isinstance(result, Finding):
                yield result
            else:
                where, measured = result
                measurements.add((measured.folder, measured.file), measured, where)
        unused = {key for key, _ in measurements.items()}
        for image in place.images:
            try:
                if image.stem.endswith(_OUTLINE_ENDING):
                    yield from _outline_without_image(place, image)
                else:
                    key = (image.parent.resolve().name, image.name)
                    unused.discard(key)
                    yield from self._read_image(place, image, _measured(measurements, key), options)
            except FetalFlexError as error:
                yield place.refusal(image, error)
        yield from place.left_out()
        for folder, file in (key for key, _ in measurements.items() if key in unused):
            yield Finding(f"{folder}/{file}", "the table names this image, but it is not there")

    def _read_image(
        self, place: Source, image: Path, measured: _Measurement | None, options: ImportOptions
    ) -> Iterator[ImportedItem | Finding]:
        outline = image.with_name(f"{image.stem}{_OUTLINE_ENDING}.png")
        if not outline.is_file() and not options.keep_unannotated:
            yield Finding(place.name(image), f"there is no outline {outline.name}")
            return
        pixels = read_image(inside(place.root, place.name(outline))) if outline.is_file() else None
        builder = place.builder(
            image,
            declared=None if pixels is None else (pixels.shape[1], pixels.shape[0]),
            pixel_spacing_mm=None if measured is None else measured.pixel_spacing_mm,
        )
        if measured is None:
            builder.note(place.name(image), "no table gives this image's pixel size; taken without")
        if pixels is not None:
            ellipse = _ellipse_on(pixels)
            builder.add("skull", ellipse.box(), place.name(outline))
            if disagreement := _disagreement(ellipse, measured):
                builder.note(place.name(outline), disagreement)
        split = _SPLITS.get(image.parent.resolve().name)
        circumference = None if measured is None else measured.circumference_mm
        yield from builder.finish(
            patient=_patient(image, split) if options.patient_pattern is None else None,
            source=self.name,
            split=split,
            extra={} if circumference is None else {"head_circumference_mm": circumference},
        )


@dataclass(frozen=True)
class _Measurement:
    """A row of a table: the image's folder and file name, its pixel spacing, and the circumference if stated."""

    folder: str
    file: str
    pixel_spacing_mm: float
    circumference_mm: float | None


def _measured(measurements: Keys[tuple[str, str], _Measurement], key: tuple[str, str]) -> _Measurement | None:
    try:
        return measurements.get(key)
    except KeyError:
        return None


def _read_tables(place: Source) -> Iterator[tuple[str, _Measurement] | Finding]:
    """Yield the rows of all tables and where they stand.

    The table `training_set_pixel_size_and_HC.csv` is about the images in `training_set`.
    """
    for path in files_ending(place.root, [".csv"]):
        match = _TABLE_NAME.fullmatch(path.name)
        if match is None:
            continue
        try:
            inside(place.root, place.name(path))
            for line, row in csv_rows(path, (_FILE_COLUMN, _SPACING_COLUMN)):
                try:
                    yield f"{path.name} line {line}", _measurement(match.group(1), row)
                except FetalFlexError as error:
                    yield place.refusal(path, error, f"line {line}")
        except FetalFlexError as error:
            yield place.refusal(path, error)


def _measurement(folder: str, row: dict[str, str]) -> _Measurement:
    circumference = row.get(_CIRCUMFERENCE_COLUMN)
    measured = _Measurement(
        folder,
        row[_FILE_COLUMN],
        number(row[_SPACING_COLUMN], _SPACING_COLUMN),
        number(circumference, _CIRCUMFERENCE_COLUMN) if circumference else None,
    )
    for column, value in (
        (_SPACING_COLUMN, measured.pixel_spacing_mm),
        (_CIRCUMFERENCE_COLUMN, measured.circumference_mm),
    ):
        if value is not None:
            positive_number(value, column)
    return measured


def _outline_without_image(place: Source, outline: Path) -> Iterator[Finding]:
    if not outline.with_name(outline.name.replace(_OUTLINE_ENDING, "")).is_file():
        yield Finding(place.name(outline), "there is no image for this outline")


def _ellipse_on(pixels: NDArray[np.uint8]) -> Ellipse:
    """Return the ellipse drawn in white on `pixels`, `(H, W)`.

    Raises:
        FetalFlexError: If nothing is drawn, or it is no outline of an ellipse.
    """
    drawn = pixels >= _DARKEST_OUTLINE
    if (count := int(np.count_nonzero(drawn))) > MAX_DRAWN_PIXELS:
        raise FetalFlexError(f"{count:,} pixels are drawn, too many for the outline of an ellipse")
    rows, columns = np.nonzero(drawn)
    points = np.stack([columns + 0.5, rows + 0.5], axis=1)
    ellipse = fit_ellipse(points)
    offset = ellipse.mean_offset(points)
    box = (int(np.ptp(rows)) + 1) * (int(np.ptp(columns)) + 1)
    if count > _FILLED * box:
        raise FetalFlexError(
            "the outline is filled, but HC18 draws a line; read filled masks with the format masks, or draw the line"
        )
    if offset > _WORST_OFFSET * ellipse.semi_axis_b:
        raise FetalFlexError(f"what is drawn is no outline of an ellipse: it lies {offset:.1f} px off on average")
    return ellipse


def _disagreement(ellipse: Ellipse, measured: _Measurement | None) -> str | None:
    """Return what to say if outline and table differ in the circumference."""
    if measured is None or measured.circumference_mm is None:
        return None
    drawn = ellipse.circumference() * measured.pixel_spacing_mm
    if abs(drawn / measured.circumference_mm - 1) <= _WORST_DISAGREEMENT:
        return None
    return f"the outline's circumference is {drawn:.1f} mm, but the table says {measured.circumference_mm:.1f} mm"


def _patient(image: Path, split: str | None) -> str | None:
    match = _IMAGE_NAME.match(image.stem)
    return f"{_PATIENT_PREFIXES[split]}{match.group(1)}" if match else None
