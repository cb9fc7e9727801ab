"""FETAL_PLANES_DB: images of six planes, labelled by plane only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fetalflex.checks import shown
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.csv_rows import csv_rows
from fetalflex.data.importers.image_names import Match
from fetalflex.data.importers.reading import files_ending
from fetalflex.data.importers.sources import Reference, Source
from fetalflex.data.limits import MAX_DIGITS
from fetalflex.data.paths import inside
from fetalflex.errors import FetalFlexError

_TABLE = "FETAL_PLANES_DB_data.csv"
_IMAGE_FOLDER = "Images"
_COLUMNS = ("Image_name", "Patient_num", "Plane", "Brain_plane", "Train")
_BRAIN = "Fetal brain"
_PLANES = {"Fetal abdomen": "abdominal_transverse", "Fetal femur": "femur", "Fetal thorax": "thorax"}
_BRAIN_PLANES = {
    "Trans-thalamic": "thalamic_transverse",
    "Trans-ventricular": "ventricular_transverse",
    "Trans-cerebellum": "cerebellar_transverse",
}
_SPLITS = {"1": "train", "0": "test"}


class FetalPlanesImporter:
    """Read the folder with `FETAL_PLANES_DB_data.csv` and `Images` (Zenodo 3904280).

    Every image becomes a layout without structures. Taken are the brain's three standard planes, abdomen, femur and
    thorax; images of other brain planes, the maternal cervix and whatever else are refused, the option plane
    notwithstanding. Patient number 822 becomes fp822; the device and operator are kept.
    """

    name = "fetal_planes"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        table = source if source.is_file() else _table(source)
        options = replace(options, plane=None, keep_unannotated=True)
        place = Source(table.parent, options)
        rows = list(csv_rows(inside(place.root, table.name), _COLUMNS))
        beside = table.parent / _IMAGE_FOLDER
        references = [Reference(row["Image_name"], f"{table.name} line {line}", beside) for line, row in rows]
        matches = place.match(references)
        seen = {match.image for match in matches if isinstance(match, Match)}
        for (line, row), match in zip(rows, matches, strict=True):
            try:
                if isinstance(match, FetalFlexError):
                    raise match
                yield from self._read_image(place, match, row, options)
            except FetalFlexError as error:
                yield place.refusal(table, error, f"line {line}: {row['Image_name']}")
        yield from place.left_out()
        for image in place.images:
            if image not in seen:
                yield Finding(place.name(image), f"{table.name} does not name this image")

    def _read_image(
        self, place: Source, image: Match, row: dict[str, str], options: ImportOptions
    ) -> Iterator[ImportedItem | Finding]:
        builder = place.builder(image, plane=_plane(row))
        number = row["Patient_num"]
        if not (number.isascii() and number.isdecimal() and len(number) <= MAX_DIGITS):
            raise FetalFlexError(f"Patient_num is {shown(number)}; it must be a number of at most {MAX_DIGITS} digits")
        if row["Train"] not in _SPLITS:
            raise FetalFlexError(f"Train is {row['Train']!r}; it must be 1 or 0")
        named = {"device": row.get("US_Machine"), "operator": row.get("Operator")}
        yield from builder.finish(
            patient=f"fp{int(number)}" if options.patient_pattern is None else None,
            source="fetal_planes_db",
            split=_SPLITS[row["Train"]],
            extra={key: value for key, value in named.items() if value},
        )


def _table(source: Path) -> Path:
    found = [path for path in files_ending(source, [".csv"]) if path.name.lower() == _TABLE.lower()]
    if not found:
        raise FetalFlexError(f"{source} holds no {_TABLE}; give the folder in which it lies, beside {_IMAGE_FOLDER}")
    return min(found, key=lambda path: len(path.parts))


def _plane(row: dict[str, str]) -> str:
    label = row["Plane"]
    if label == _BRAIN:
        label, planes = row["Brain_plane"], _BRAIN_PLANES
    else:
        planes = _PLANES
    if label not in planes:
        kind = "brain plane" if planes is _BRAIN_PLANES else "plane"
        raise FetalFlexError(f"the {kind} {label!r} is none of {', '.join(planes)}")
    return planes[label]
