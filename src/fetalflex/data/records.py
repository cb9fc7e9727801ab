"""Records: what is known of each image of a data set; and the data set as training sees it."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.layout import Layout
from fetalflex.data.paths import safe_relative
from fetalflex.data.utf8_text import check_text
from fetalflex.display import notebook_png
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping
from fetalflex.provenance.mark import SyntheticMark, mark_of_fields

SPLITS = ("train", "val", "test")

IMAGE_FIELDS = frozenset(
    {"id", "file_name", "width", "height", "plane", "patient", "source", "split", "quality", "pixel_spacing_mm"}
)
"""Fields of an image entry that a `Record` holds by name; all others are its `extra`."""

DatasetT = TypeVar("DatasetT", bound="Dataset")


@dataclass(frozen=True)
class Record:
    """What is known of one image: where it lies, its layout, and whose it is.

    Args:
        file_name: Path of the image relative to the data set's folder, with slashes.
        layout: Plane, size, boxes in pixels of the image, pixel spacing; without structures where nothing is annotated.
        patient: Patient id, None if unknown.
        source: Name of the data set that the image came from.
        split: "train", "val" or "test"; None if not split yet.
        quality: 3 clear, 2 usable, 1 poor, 0 not usable; None if not rated.
        extra: Other fields of the image entry, JSON values only.

    Raises:
        FetalFlexError: If the file name is no safe relative path, a text is not UTF-8, the split is unknown, the
            quality is negative, or `extra` holds a field that has a place of its own.
    """

    file_name: str
    layout: Layout
    patient: str | None = None
    source: str | None = None
    split: str | None = None
    quality: int | None = None
    extra: JsonMapping = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "file_name", safe_relative(self.file_name).as_posix())
        for name in ("file_name", "patient", "source"):
            check_text(getattr(self, name) or "", name)
        if self.split is not None and self.split not in SPLITS:
            raise FetalFlexError(
                f"{self.file_name}: split {self.split!r} is unknown; choose one of {', '.join(SPLITS)}"
            )
        if self.quality is not None and self.quality < 0:
            raise FetalFlexError(f"{self.file_name}: quality {self.quality} is negative; give 0 (worst) to 3 (best)")
        if doubled := sorted(IMAGE_FIELDS & self.extra.keys()):
            raise FetalFlexError(f"{self.file_name}: extra must not hold the record's fields {', '.join(doubled)}")

    @property
    def patient_key(self) -> str:
        """Patient id, or the file's name without its ending where the patient is unknown."""
        return self.patient if self.patient is not None else safe_relative(self.file_name).stem

    @property
    def person(self) -> str:
        """Who is shown, whatever the data set: the patient's id, or source and file name where it is unknown.

        Data sets share patients, and with them their ids; a patient must not count as two. Where ids agree by accident,
        two patients count as one, which costs a little balance and no more.
        """
        return self.patient if self.patient is not None else f"{self.source}/{self.patient_key}"


class Dataset(ABC, Sequence[Record]):
    """Records in a fixed order, with their images; see `DatasetFolder` and `PackedDataset`.

    Args:
        records: Records in the order of iteration.

    `licenses` are those of the images, as in COCO: `license` in a record's extra fields refers to one by its `id`.
    """

    licenses: Sequence[JsonMapping] = ()

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = tuple(records)

    def __repr__(self) -> str:
        planes = Counter(record.layout.plane for record in self)
        return f"{type(self).__name__}({len(self)} images: {', '.join(f'{n} {name}' for name, n in planes.items())})"

    def _repr_png_(self) -> bytes | None:
        """Return some of the images with their boxes, as notebooks show them; None if the built-in planes lack one."""
        from fetalflex.anatomy.registry import default_registry
        from fetalflex.data.contact_sheet import draw_contact_sheet

        return notebook_png(lambda: draw_contact_sheet(self, default_registry()))

    @abstractmethod
    def image(self, record: Record) -> NDArray[np.uint8]:
        """Return the image of one of the records, `(H, W) uint8` with the size that its layout says.

        Raises:
            FetalFlexError: If the image is missing, damaged, or of another size.
        """

    def mark(self, record: Record) -> SyntheticMark | None:
        """Return what says that the image of one of the records is synthetic; None if nothing does."""
        return mark_of_fields(record.extra)

    def marked(self, record: Record) -> Record:
        """Return one of the records, with the mark in its extra fields if its image is synthetic."""
        mark = self.mark(record)
        return record if mark is None else replace(record, extra=mark.added_to(record.extra))

    def subset(
        self: DatasetT,
        split: str | None = None,
        planes: Collection[str] | None = None,
        min_quality: int | None = None,
    ) -> DatasetT:
        """Return the same data set with some of its records.

        Args:
            split: Only records of this split.
            planes: Only records of these planes, by canonical name.
            min_quality: Only records rated at least so; records without a rating stay.

        Raises:
            FetalFlexError: If the split is none of `SPLITS`.
        """
        if split is not None and split not in SPLITS:
            raise FetalFlexError(f"split {split!r} is unknown; choose one of {', '.join(SPLITS)}")
        chosen = copy.copy(self)
        chosen._records = tuple(
            record
            for record in self._records
            if (split is None or record.split == split)
            and (planes is None or record.layout.plane in planes)
            and (min_quality is None or record.quality is None or record.quality >= min_quality)
        )
        return chosen

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Record, ...]: ...

    def __getitem__(self, index: int | slice) -> Record | tuple[Record, ...]:
        return self._records[index]


def check_size(pixels: NDArray[np.uint8], record: Record, where: str) -> NDArray[np.uint8]:
    """Return `pixels`, `(H, W) uint8`, if they have the size that the record's layout says.

    Raises:
        FetalFlexError: If they have not.
    """
    expected = (record.layout.height, record.layout.width)
    if pixels.shape != expected:
        raise FetalFlexError(
            f"{where} has {pixels.shape[1]} x {pixels.shape[0]} pixels, but its annotations are for "
            f"{expected[1]} x {expected[0]}"
        )
    return pixels
