"""From records and images to a folder in a format that other tools read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fetalflex import __version__
from fetalflex.data.exporters import ExportOptions, Item, get_exporter
from fetalflex.data.exporters.base import UNSPLIT, split_name
from fetalflex.data.folder_kinds import export_kind
from fetalflex.data.records import SPLITS, Record, check_size
from fetalflex.data.utf8_text import check_text
from fetalflex.errors import FetalFlexError
from fetalflex.files import new_folder, write_text
from fetalflex.files.json_files import JsonMapping, JsonObject
from fetalflex.progress import OnProgress, tell_nobody
from fetalflex.provenance import NOTICE, SYNTHETIC_LIST, mark_of_fields

README = "README.md"

"""Told how many images are written."""


@dataclass(frozen=True)
class ExportResult:
    """What an export wrote.

    Args:
        format: Format name.
        folder: Folder of the export.
        boxes: Number of boxes of the records.
        splits: Number of images in each split that occurs, and as "unsplit" of those without one.
        notes: What the format could not hold, one sentence each.
        reads_back: What opens the folder again.
        licenses: Licences of the images, for people.
        synthetic: Number of images that are synthetic.
    """

    format: str
    folder: Path
    boxes: int
    splits: dict[str, int]
    notes: tuple[str, ...]
    reads_back: str
    licenses: tuple[str, ...] = ()
    synthetic: int = 0

    @property
    def images(self) -> int:
        """Number of images."""
        return sum(self.splits.values())

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            "format": self.format,
            "folder": str(self.folder),
            "images": self.images,
            "boxes": self.boxes,
            "splits": self.splits,
            "synthetic": self.synthetic,
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """Return one sentence with the totals."""
        shares = ", ".join(f"{count} {split}" for split, count in self.splits.items())
        told = f" {self.synthetic} of them are synthetic." if self.synthetic else ""
        return f"{self.images} images ({shares}) with {self.boxes} boxes.{told}"

    def to_markdown(self) -> str:
        """Return a page for the folder itself, which says nothing of where it lies."""
        lines = [f"# Data set in the format {self.format}", "", self.summary(), ""]
        lines += [f"- {note}" for note in self.notes] + [""] * bool(self.notes)
        if self.synthetic:
            of_all = "All images" if self.synthetic == self.images else f"{self.synthetic} of {self.images} images"
            lines += [
                f"**{of_all} are synthetic, no scans of patients.** {NOTICE}. Their metadata and records say so, and "
                f"`{SYNTHETIC_LIST}` lists them by their pixels; keep it with them.",
                "",
            ]
        if self.licenses:
            lines += [f"Licences of the images: {', '.join(self.licenses)}.", ""]
        lines += [f"Written by FetalFlex {__version__}. {self.reads_back}", ""]
        return "\n".join([*lines, "For research and education only, not for diagnosis."]) + "\n"


def export(
    items: Iterable[Item],
    format: str,
    out: Path | str,
    options: ExportOptions | None = None,
    *,
    force: bool = False,
    on_progress: OnProgress = tell_nobody,
) -> ExportResult:
    """Write records and images as a folder in one of the export formats, wholly or not at all.

    What each format holds and loses is said by its class in `fetalflex.data.exporters`, and by the notes of the result.
    The notes and totals are also in the folder, as `README.md`. Images are written as grey PNG without metadata, save
    that those say it themselves whose records tell that they are synthetic. The same items and options give the same
    bytes.

    Args:
        items: Records with distinct file names, each with its image, `(H, W) uint8` of its layout's size. They are
            taken one by one, so they need not fit in memory together.
        format: One of `fetalflex.data.exporters.EXPORTERS`.
        out: Folder to make; it may exist if it is empty.
        options: What the user says about the export.
        force: Replace an export in the same format that is at `out`.
        on_progress: Called after each image, with how many are done.

    Raises:
        FetalFlexError: If the format is unknown, something is in the way at `out`, there is no record, or one has no
            image, or an image that does not fit it. Then nothing is written.

    Example:
        >>> dataset = DatasetFolder("brains")                                                    # doctest: +SKIP
        >>> export(((record, dataset.image(record)) for record in dataset), "yolo", "out")       # doctest: +SKIP
    """
    out = Path(out)
    exporter = get_exporter(format)
    options = options or ExportOptions()
    counted = _Counted(items, options, on_progress)
    with new_folder(out, export_kind(exporter.name), force) as folder:
        notes = exporter.write(folder, counted, options)
        if not counted.splits:
            raise FetalFlexError("there is no record to export")
        splits = {split: counted.splits[split] for split in (*SPLITS, UNSPLIT) if counted.splits[split]}
        licenses = tuple(_license_text(one) for one in options.licenses)
        reads_back = exporter.reads_back
        result = ExportResult(format, out, counted.boxes, splits, tuple(notes), reads_back, licenses, counted.synthetic)
        write_text(folder / README, result.to_markdown())
    return result


def _license_text(license: JsonMapping) -> str:
    """Return number, name and address of a licence as one line."""
    text = f"{license.get('id', '')} {license.get('name', '')} {license.get('url', '')}"
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


class _Counted:
    """Hand on items after a check of each, and count what was handed on."""

    def __init__(self, items: Iterable[Item], options: ExportOptions, on_progress: OnProgress) -> None:
        self._items = items
        self._registry = options.registry
        self._on_progress = on_progress
        self._names: set[str] = set()
        self.splits: Counter[str] = Counter()
        self.boxes = 0
        self.synthetic = 0

    def __iter__(self) -> Iterator[Item]:
        for number, (record, pixels) in enumerate(self._items, start=1):
            self._check(record, pixels)
            yield record, pixels
            self.splits[split_name(record)] += 1
            self.boxes += len(record.layout.structures)
            self.synthetic += mark_of_fields(record.extra) is not None
            self._on_progress(number)

    def _check(self, record: Record, pixels: object) -> None:
        where = record.file_name
        if where in self._names:
            raise FetalFlexError(f"two images have the file name {where}; rename one")
        self._names.add(where)
        if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
            got = "no image" if pixels is None else f"a {type(pixels).__name__} as its image"
            raise FetalFlexError(f"{where} has {got}; give (H, W) uint8 for each record")
        check_size(pixels, record, where)
        try:
            record.layout.validate(self._registry, strict=False)
            json.dumps(dict(record.extra), allow_nan=False)
            check_text(dict(record.extra), "its extra fields")
        except FetalFlexError as error:
            raise FetalFlexError(f"{where}: {error}") from error
        except (TypeError, ValueError) as error:
            raise FetalFlexError(f"{where}: its extra fields hold what JSON cannot: {error}") from error
