"""What every exporter takes and hands back.

An exporter writes one annotation format into an empty folder. What the format has no place for goes into
`records.jsonl` if it is about an image, and is told in a note if it is lost.

To add a format, write a class with `name`, `reads_back` and a `write` method in a file of its own and list it in
`fetalflex.data.exporters.EXPORTERS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.data.records import Record
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping

Item = tuple[Record, NDArray[np.uint8]]
"""A record and its image, `(H, W) uint8` of the layout's size."""

UNSPLIT = "unsplit"
"""Folder, or start of a shard's name, for records without a split."""


@dataclass(frozen=True)
class ExportOptions:
    """What the user says about an export.

    Args:
        registry: Planes and structures; its structures are the classes, in its order.
        class_field: What names the class of an image in `class_folders`: "plane", or a field of `Record.extra`.
        shard_images: Most images in a shard of `webdataset`.
        shard_bytes: Largest shard in bytes; an image that is larger by itself gets a shard of its own.
        licenses: The data set's licences as in COCO, which `license` in a record's extra fields refers to; every export
            names them.

    Raises:
        FetalFlexError: If the field is empty or a number is not positive.
    """

    registry: Registry = field(default_factory=default_registry)
    class_field: str = "plane"
    shard_images: int = 1000
    shard_bytes: int = 256 * 2**20
    licenses: Sequence[JsonMapping] = ()

    def __post_init__(self) -> None:
        if not self.class_field:
            raise FetalFlexError("class_field is empty; give plane, or a field of the records such as class")
        for name in ("shard_images", "shard_bytes"):
            if getattr(self, name) < 1:
                raise FetalFlexError(f"{name} is {getattr(self, name)}; give 1 or more")


class Exporter(Protocol):
    """Write one annotation format.

    Attributes:
        name: Name of the format.
        reads_back: What opens the folder again, for people.
    """

    name: str
    reads_back: str

    def write(self, folder: Path, items: Iterable[Item], options: ExportOptions) -> list[str]:
        """Write records and images into a folder.

        Args:
            folder: Empty folder.
            items: Checked records with distinct file names; taken one by one.
            options: What the user says about the export.

        Returns:
            Notes on what the format could not hold.

        Raises:
            FetalFlexError: If a record cannot be written.
        """
        ...


def split_name(record: Record) -> str:
    """Return the split of a record, or `UNSPLIT`."""
    return record.split or UNSPLIT
