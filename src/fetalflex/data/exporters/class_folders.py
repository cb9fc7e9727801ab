"""Images in one folder for each class, for training classifiers, with their boxes in a table."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

from fetalflex.data.exporters.base import ExportOptions, Item, split_name
from fetalflex.data.exporters.box_fitting import decimal
from fetalflex.data.exporters.image_writer import ImageWriter
from fetalflex.data.file_names import portable_stem
from fetalflex.data.records import Record
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import SYNTHETIC, mark_of_fields

BOXES_CSV = "boxes.csv"
_COLUMNS = ("file", "label", "cx", "cy", "width", "height", "angle", SYNTHETIC)


class ClassFoldersExporter:
    """Write `SPLIT/CLASS/NAME.png`, and the boxes as a table, `boxes.csv`.

    The class is the plane, or the field of the record's extra ones that the options name: a text, a whole number, true
    or false. The table has a row for each box with centre, size and angle (degrees clockwise) in pixels, so nothing is
    lost, and says whether the image is synthetic; all else that is known of the images is in `records.jsonl`.
    """

    name = "class_folders"
    reads_back = (
        "`fetalflex prepare --format table` reads it, with `--keep-unannotated` images without boxes too. "
        "Classifiers take its folders as they are."
    )

    def write(self, folder: Path, items: Iterable[Item], options: ExportOptions) -> list[str]:
        """Write records and images; see `Exporter.write`."""
        classes = _ClassFolders(options.class_field)
        with (
            ImageWriter(folder) as images,
            (folder / BOXES_CSV).open("x", encoding="ascii", newline="") as file,
        ):
            table = csv.writer(file, lineterminator="\n")
            table.writerow(_COLUMNS)
            for record, pixels in items:
                image = images.add(record, pixels, f"{split_name(record)}/{classes.folder(record)}")
                synthetic = str(mark_of_fields(record.extra) is not None).lower()
                for placed in record.layout.structures:
                    box = placed.box.to_dict().values()
                    table.writerow([image, placed.name, *map(decimal, box), synthetic])
        return []


class _ClassFolders:
    """Name the folder of each class, and refuse two classes that would share one."""

    def __init__(self, field: str) -> None:
        self._field = field
        self._class_of: dict[str, str] = {}

    def folder(self, record: Record) -> str:
        label = self._label(record)
        name = portable_stem(label)
        first = self._class_of.setdefault(name.casefold(), label)
        if first != label:
            raise FetalFlexError(
                f"{record.file_name}: the classes {first!r} and {label!r} would share the folder {name!r}; rename one"
            )
        return name

    def _label(self, record: Record) -> str:
        if self._field == "plane":
            return record.layout.plane
        value = record.extra.get(self._field)
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int) or (isinstance(value, str) and value.strip()):
            return str(value)
        known = ", ".join(sorted(record.extra)) or "none"
        raise FetalFlexError(
            f"{record.file_name}: the class field {self._field!r} is {value!r}; it must be a text, a whole number, "
            f"true or false in every record. The record's extra fields are: {known}. Or let the plane be the class."
        )
