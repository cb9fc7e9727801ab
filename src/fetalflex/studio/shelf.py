"""Data sets that may be looked through: given on the command line, handed out by ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fetalflex.anatomy import Layout, Registry
from fetalflex.checks import shown
from fetalflex.data import Dataset, DatasetFolder, Record, open_dataset
from fetalflex.data.correcting import correct_layout
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.studio.desk import Desk, NotThere, OpenImage

_THUMBNAIL = 160


class Shelf:
    """Data sets, and their records by id.

    An id is the place of a data set and of a record in it, in hexadecimal; so it stays the same from start to start
    while the same data sets are given.

    Args:
        sets: Names and data sets.
        may_correct: Whether corrected boxes may be written back into data set folders.
    """

    def __init__(self, sets: Sequence[tuple[str, Dataset]], may_correct: bool = False) -> None:
        self.sets = list(sets)
        self.may_correct = may_correct

    @classmethod
    def of_paths(cls, paths: Iterable[Path], registry: Registry, may_correct: bool = False) -> Shelf:
        """Open data sets, named like their folders or files.

        Raises:
            FetalFlexError: If one is missing or damaged.
        """
        return cls([(path.name or str(path), open_dataset(path, registry)) for path in paths], may_correct)

    def page(self, number: int, start: int, count: int, plane: str | None, words: str) -> JsonObject:
        """Return some of the records of a data set, as JSON values.

        Args:
            number: Which data set.
            start: First record to return, among those that fit.
            count: Most records to return.
            plane: Only those of this plane.
            words: Only those whose file name holds this, in either case.
        """
        if not 0 <= number < len(self.sets):
            raise NotThere(f"there is no data set {number}; there are {len(self.sets)}")
        fitting = [
            (place, record)
            for place, record in enumerate(self.sets[number][1])
            if plane in (None, record.layout.plane) and words.casefold() in record.file_name.casefold()
        ]
        shown_ones = fitting[max(start, 0) :][:count]
        return {"count": len(fitting), "images": [_entry(number, *one) for one in shown_ones]}

    def thumbnail(self, record_id: str) -> NDArray[np.uint8]:
        """Return a small picture of a record, (h, w) uint8."""
        _, dataset, record = self._record(record_id)
        picture = Image.fromarray(dataset.image(record))
        picture.thumbnail((_THUMBNAIL, _THUMBNAIL))
        return np.asarray(picture)

    def open(self, record_id: str, desk: Desk) -> OpenImage:
        """Put the image of a record on the desk, with its layout."""
        name, dataset, record = self._record(record_id)
        scores = record.extra.get("scores")
        if not isinstance(scores, list) or len(scores) != len(record.layout.structures):
            scores = []
        return desk.add_image(
            dataset.image(record),
            record.file_name.rpartition("/")[2],
            f"{name}/{record.file_name}",
            record.layout,
            dataset.mark(record),
            tuple(float(score) for score in scores),
            record_id,
        )

    def correct(self, image: OpenImage, layout: Layout, registry: Registry) -> str:
        """Write what an opened image shows into the data set folder that it came from; return where that is.

        Raises:
            FetalFlexError: If the user has not allowed it at the start, or the image is not of a data set folder.
        """
        if not self.may_correct:
            raise FetalFlexError("data sets are not changed; start fetalflex studio with --correct to allow it")
        if image.record is None:
            raise FetalFlexError(f"{image.name} is not of a data set; export its layout instead")
        name, dataset, record = self._record(image.record)
        if image.origin != f"{name}/{record.file_name}":
            raise NotThere(f"{image.origin} is not among the data sets of this start; give its folder again")
        if not isinstance(dataset, DatasetFolder):
            raise FetalFlexError(f"{name} is packed, so it cannot be corrected; give the folder that it was made from")
        correct_layout(dataset.root, record.file_name, layout, registry)
        self.sets[int(image.record.partition("-")[0], 16)] = (name, DatasetFolder(dataset.root, registry))
        return str(dataset.root / ANNOTATIONS)

    def _record(self, record_id: str) -> tuple[str, Dataset, Record]:
        number, _, place = record_id.partition("-")
        for index, (name, dataset) in enumerate(self.sets):
            if number == f"{index:x}":
                for position in _positions(place, dataset):
                    return name, dataset, dataset[position]
        raise NotThere(f"there is no image {shown(record_id)} in the data sets")


def _positions(text: str, dataset: Sequence[Record]) -> Iterator[int]:
    """Yield the place that a text means, if there is one; only the spelling that was given out is understood."""
    if len(text) <= 12 and text.isalnum() and text.isascii():
        try:
            place = int(text, 16)
        except ValueError:
            return
        if place < len(dataset) and f"{place:x}" == text:
            yield place


def _entry(number: int, place: int, record: Record) -> JsonObject:
    layout = record.layout
    return {
        "id": f"{number:x}-{place:x}",
        "name": record.file_name.rpartition("/")[2],
        "plane": layout.plane,
        "split": record.split,
        "width": layout.width,
        "height": layout.height,
        "structures": list(layout.names()),
        "to_review": bool(record.extra.get("review")),
    }
