"""The images of an export, its `records.jsonl`, and the list of those that are synthetic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from fetalflex.data.file_names import FileNames, portable_stem
from fetalflex.data.image_files import encode_png
from fetalflex.data.record_lines import RECORD_LINES, record_line
from fetalflex.data.records import Record
from fetalflex.provenance import SyntheticList, mark_of_fields

_WITH_A_MEANING = frozenset({"classes", "_classes", "labels", "train", "val", "valid", "test"})


class ImageWriter:
    """Write PNG files under portable names, each with a line in `records.jsonl`; close it by `with`.

    Args:
        folder: Folder of the export.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stems = Stems()
        self._listed = SyntheticList()
        self._lines = (folder / RECORD_LINES).open("x", encoding="ascii", newline="\n")

    def __enter__(self) -> ImageWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._lines.close()
        if kind is None:
            self._listed.write(self._folder)

    @property
    def synthetic(self) -> int:
        """Number of images so far that are synthetic."""
        return len(self._listed)

    def add(self, record: Record, pixels: NDArray[np.uint8], parent: str) -> PurePosixPath:
        """Write an image, `(H, W) uint8`, and what is known of it; a synthetic one says so itself.

        Args:
            record: Record of the data set.
            pixels: Its image.
            parent: Folder for the image, relative to that of the export; made if missing.

        Returns:
            Where the image lies, relative to the folder of the export. Its stem is used only once in the export.
        """
        path = PurePosixPath(parent, f"{self._stems.give(record.file_name)}.png")
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        mark = mark_of_fields(record.extra)
        target.write_bytes(encode_png(pixels, None if mark is None else mark.png_text()))
        if mark is not None:
            self._listed.add(str(path), pixels, mark)
        self._lines.write(record_line(replace(record, file_name=str(path)), record.file_name))
        return path


class Stems:
    """Give out file names without ending that suit every format, each once.

    They have no dots, since some tools take what follows the first dot for the ending, and are none of the names that
    YOLO tools give a meaning, such as "classes" and "train".
    """

    def __init__(self) -> None:
        self._names = FileNames()

    def give(self, file_name: str) -> str:
        """Return a stem like that of a record's file name that was not given before."""
        stem = portable_stem(PurePosixPath(file_name).stem).replace(".", "_")
        if stem.lower() in _WITH_A_MEANING or stem.lower().startswith("readme"):
            stem = f"image_{stem}"
        return PurePosixPath(self._names.give(stem, ".png")).stem
