"""The data set folder: `annotations.json` (COCO) and the images it names."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.checks import shown
from fetalflex.data.annotation_json import read_annotation_json
from fetalflex.data.coco_records import coco_from_records, records_from_coco
from fetalflex.data.folder_kinds import DATA_SET
from fetalflex.data.image_files import IMAGE_SUFFIXES, read_image, write_png
from fetalflex.data.licenses import licenses_of
from fetalflex.data.paths import inside
from fetalflex.data.picture_kind import shared_nominal
from fetalflex.data.records import Dataset, Record, check_size
from fetalflex.errors import FetalFlexError
from fetalflex.files import new_folder, write_text
from fetalflex.files.json_files import JsonMapping, JsonObject
from fetalflex.provenance import KnownSynthetic, SyntheticList, SyntheticMark, mark_in_file, mark_of_fields

ANNOTATIONS = "annotations.json"


class DatasetFolder(Dataset):
    """Open a folder with `annotations.json` and its images.

    Args:
        root: Folder.
        registry: Planes and structures that the annotations may name; the built-in ones by default.

    Raises:
        FetalFlexError: If there is no such folder, or its annotations are wrong.

    Example:
        >>> dataset = DatasetFolder("brains")                                       # doctest: +SKIP
        >>> pixels = dataset.image(dataset.subset(split="train")[0])                # doctest: +SKIP
    """

    def __init__(self, root: Path | str, registry: Registry | None = None) -> None:
        root = Path(root)
        annotations = root / ANNOTATIONS
        if not annotations.is_file():
            raise FetalFlexError(f"{root} is no data set: it has no {ANNOTATIONS}; `fetalflex prepare` makes one")
        coco = read_annotation_json(annotations)
        super().__init__(records_from_coco(coco, registry or default_registry(), str(annotations)))
        self.root = root
        self.info: JsonObject = _info_of(coco, str(annotations))
        self.licenses = licenses_of(coco, str(annotations))
        self._known_synthetic = KnownSynthetic(root)

    def image_path(self, record: Record) -> Path:
        """Return where the image of a record lies.

        Raises:
            FetalFlexError: If the path leads outside the folder.
        """
        return inside(self.root, record.file_name)

    def image(self, record: Record) -> NDArray[np.uint8]:
        """Return the image of a record as grey, `(H, W) uint8`.

        Raises:
            FetalFlexError: If it is missing, damaged, or not of the annotated size.
        """
        path = self.image_path(record)
        return check_size(read_image(path, lambda: self._nominal), record, str(path))

    @cached_property
    def _nominal(self) -> int | None:
        """What counts as white in all images of more than 8 bits; looked for only if there is one."""
        return shared_nominal(self.image_path(record) for record in self)

    def mark(self, record: Record) -> SyntheticMark | None:
        """Return what says that an image is synthetic: its record, its file, or a list beside it; None if nothing does.

        An image that is missing or damaged says nothing here.
        """
        with contextlib.suppress(FetalFlexError):
            if (mark := super().mark(record)) is not None:
                return mark
            if (mark := mark_in_file(path := self.image_path(record))) is not None:
                return mark
            if self._known_synthetic.has_lists(path):
                found = self._known_synthetic.find(path, self.image(record))
                return None if found is None else found[0]
        return None

    @classmethod
    def write(
        cls,
        root: Path,
        items: Iterable[tuple[Record, NDArray[np.uint8]]],
        registry: Registry | None = None,
        info: JsonMapping | None = None,
        licenses: Sequence[JsonMapping] = (),
    ) -> DatasetFolder:
        """Write a new data set folder, wholly or not at all, and open it.

        Args:
            root: Folder to make; it may exist if it is empty.
            items: Records, each with its image, `(H, W) uint8` of the layout's size. They are taken one by one, so they
                need not fit in memory together. Images are written as PNG, and a file name that ends otherwise, such as
                in a data set of JPEG files, is given the suffix .png. One whose record calls it synthetic says so
                itself, and is listed in `synthetic.jsonl`.
            registry: Registry that knows the records' planes and structures; the built-in one by default.
            info: COCO's `info`, such as a description.
            licenses: COCO's `licenses`.

        Raises:
            FetalFlexError: If the folder is not empty, a record does not fit its image or the registry, or two records
                have one file name.
        """
        with new_folder(root, DATA_SET, force=False) as partial:
            cls.write_into(partial, items, registry, info, licenses)
        return cls(root, registry)

    @classmethod
    def write_into(
        cls,
        folder: Path,
        items: Iterable[tuple[Record, NDArray[np.uint8]]],
        registry: Registry | None = None,
        info: JsonMapping | None = None,
        licenses: Sequence[JsonMapping] = (),
    ) -> DatasetFolder:
        """Write annotations and images into a folder in the making, and open it; see `write`."""
        registry = registry or default_registry()
        listed = SyntheticList()
        records = [_write_image(folder, record, pixels, listed) for record, pixels in items]
        listed.write(folder)
        coco = coco_from_records(records, registry, info, licenses)
        write_text(folder / ANNOTATIONS, json.dumps(coco, indent=1, allow_nan=False))
        return cls(folder, registry)


def _info_of(coco: JsonMapping, where: str) -> JsonObject:
    info = coco.get("info") or {}
    if not isinstance(info, dict):
        raise FetalFlexError(f"{where}: info is {shown(info)}; it must be a JSON object")
    return info


def _write_image(root: Path, record: Record, pixels: NDArray[np.uint8], listed: SyntheticList) -> Record:
    path = PurePosixPath(record.file_name)
    name = str(path.with_suffix(".png") if path.suffix.lower() in IMAGE_SUFFIXES else f"{path}.png")
    target = inside(root, name)
    if target.exists():
        raise FetalFlexError(f"{record.file_name}: another record is written as {name} already; rename one of them")
    mark = mark_of_fields(record.extra)
    write_png(target, check_size(pixels, record, record.file_name), {} if mark is None else mark.png_text())
    if mark is not None:
        listed.add(name, pixels, mark)
    return replace(record, file_name=name)
