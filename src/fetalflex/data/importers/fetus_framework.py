"""Dataset for Fetus Framework: profiles at 11 to 14 weeks with boxes in a spreadsheet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fetalflex.data.image_files import SUFFIXES
from fetalflex.data.importers.base import NOTED, Finding, FoundNote, ImportedItem, ImportOptions
from fetalflex.data.importers.fixed_plane import with_fixed_plane
from fetalflex.data.importers.reading import files_ending
from fetalflex.data.importers.table import TableImporter
from fetalflex.errors import FetalFlexError

_TABLE = "ObjectDetection.xlsx"
_DETECTION_FOLDER = "set1-training&validation sets cnn"
_STANDARD_FOLDER = "standard"
_COLUMNS = {"file": "fname", "label": "structure", "x0": "w_min", "y0": "h_min", "x1": "w_max", "y1": "h_max"}


class FetusFrameworkImporter:
    """Read the folder with `ObjectDetection.xlsx` and the image folders beside it (doi 10.17632/n2rbrb9t4f.1).

    A row of the table holds an image's bare name, a structure, and its box: `h_min` and `h_max` count rows from the
    top, `w_min` and `w_max` columns from the left. Images of non-standard planes have no boxes. Should several folders
    hold images of one name, the boxes belong to those of the standard planes in Set1, on which the set's detector was
    trained. The set names no patients; nearly every image is of another woman.
    """

    name = "fetus_framework"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        options = with_fixed_plane(options, "facial_sagittal", self.name)
        options = replace(options, columns={**_COLUMNS, **options.columns})
        if options.annotations is None and source.is_dir():
            options = replace(options, annotations=_table(source))
        if options.images is None and source.is_dir() and _names_repeat(source):
            folder = _detection_folder(source)
            yield Finding(folder, "several folders hold images of one name; the boxes are taken for those here", NOTED)
            options = replace(options, images=folder)
        for result in TableImporter().read(source, options):
            if isinstance(result, FoundNote):  # the set gives bare names throughout
                continue
            yield replace(result, source=self.name) if isinstance(result, ImportedItem) else result


def _table(source: Path) -> str:
    found = [path for path in files_ending(source, [".xlsx"]) if path.name.lower() == _TABLE.lower()]
    if not found:
        raise FetalFlexError(f"{source} holds no {_TABLE}; give the folder in which it lies, beside the image folders")
    return min(found, key=lambda path: len(path.parts)).relative_to(source).as_posix()


def _names_repeat(source: Path) -> bool:
    counts = Counter(path.name for path in files_ending(source, SUFFIXES))
    return any(count > 1 for count in counts.values())


def _detection_folder(source: Path) -> str:
    """Return the folder of the standard planes that the boxes are for, relative to the source."""
    for path in sorted(source.rglob("*")):
        if path.is_dir() and path.name.lower() == _STANDARD_FOLDER and path.parent.name.lower() == _DETECTION_FOLDER:
            return path.relative_to(source).as_posix()
    raise FetalFlexError(
        f"{source} holds several images of one name; name the folder that the boxes are for with the option images"
    )
