"""A whole data set in one file, small enough to carry to another machine.

The file is in the safetensors format: `images` (N bytes) holds JPEG files one after the other, `offsets` (records + 1)
says where each begins and ends, and the header's metadata hold the annotations as COCO JSON and the images' checksum.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.data.annotation_json import parse_annotation_json
from fetalflex.data.coco_records import coco_from_records, records_from_coco
from fetalflex.data.image_files import decode_image
from fetalflex.data.licenses import LicenseTable, licenses_of
from fetalflex.data.records import Dataset, Record, check_size
from fetalflex.errors import FetalFlexError
from fetalflex.files import replacing
from fetalflex.files.json_files import JsonMapping
from fetalflex.provenance import SyntheticMark, mark_in_bytes, mark_of_fields

FORMAT = "fetalflex/packed"
VERSION = "1"
_MIB = 2**20


def pack(
    datasets: Sequence[Dataset],
    out_path: Path | str,
    size: int = 256,
    quality: int = 85,
    registry: Registry | None = None,
    max_mib: float | None = None,
) -> int:
    """Write data sets as one packed file, wholly or not at all.

    Images with a longer side above `size` are scaled down to it, aspect kept, and their layouts with them; the shorter
    side is rounded to whole pixels, so boxes may be off by half a pixel at its far edge. Nothing is scaled up. What is
    synthetic says so in its annotation and in its JPEG's comment.

    Args:
        datasets: Data sets, one after the other; their file names must be distinct.
        out_path: File to write; a packed file that is there is replaced.
        size: Longer side at most, pixels.
        quality: JPEG quality, 1 to 95.
        registry: Registry that knows the planes and structures; the built-in one by default.
        max_mib: Largest file to accept, MiB; no limit if None.

    Returns:
        Size of the file in bytes.

    Raises:
        FetalFlexError: If a number is out of range, file names clash, an image is damaged, the file gets too large, or
            another kind of file is in its place.
    """
    if not 8 <= size <= 16384:
        raise FetalFlexError(f"size is {size}; give the longer side in pixels, 8 to 16384")
    if not 1 <= quality <= 95:
        raise FetalFlexError(f"quality is {quality}; give a JPEG quality from 1 to 95")
    out_path = Path(out_path)
    check_packed_place(out_path)
    records: list[Record] = []
    jpegs: list[bytes] = []
    table = LicenseTable(datasets)
    for dataset in datasets:
        for record in dataset:
            small_record, small_pixels = _shrunk(dataset.marked(record), dataset.image(record), size)
            records.append(table.record(dataset, small_record))
            jpegs.append(_jpeg(small_pixels, quality, mark_of_fields(small_record.extra)))
    content = _content(records, jpegs, table.licenses, registry or default_registry())
    if max_mib is not None and len(content) > max_mib * _MIB:
        raise FetalFlexError(
            f"{len(records)} images at {size} px take {len(content) / _MIB:.1f} MiB, more than the {max_mib:g} MiB "
            "allowed; lower the size or the quality, or pack fewer images"
        )
    with replacing(out_path) as file:
        file.write(content)
    return len(content)


def check_packed_place(path: Path) -> None:
    """Raise a FetalFlexError if another file than a packed one is where one is to be written, such as a model's."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with safe_open(path, framework="numpy") as file:
            found = (file.metadata() or {}).get("format")
    except (SafetensorError, OSError):
        found = None
    if found != FORMAT:
        raise FetalFlexError(f"{path} is not a packed data set, so it is not replaced; give another name, or remove it")


class PackedDataset(Dataset):
    """Open a packed file and hold it in memory.

    Args:
        path: File that `pack` wrote.
        registry: Planes and structures that the annotations may name; the built-in ones by default.

    Raises:
        FetalFlexError: If there is no such file, or it is damaged or of another kind.
    """

    def __init__(self, path: Path | str, registry: Registry | None = None) -> None:
        self.path = path = Path(path)
        self._bytes, self._offsets, metadata = _read(path)
        if metadata.get("format") != FORMAT or metadata.get("version") != VERSION:
            raise FetalFlexError(f"{path} is no packed data set of version {VERSION}; pack the data set folder again")
        if hashlib.sha256(self._bytes.data).hexdigest() != metadata.get("sha256"):
            raise FetalFlexError(f"{path} is damaged: its images do not match their checksum; pack or copy it again")
        coco = parse_annotation_json(metadata.get("annotations", ""), f"{path}: annotations")
        super().__init__(records_from_coco(coco, registry or default_registry(), f"{path}: annotations"))
        self.licenses = licenses_of(coco, f"{path}: annotations")
        if len(self._offsets) != len(self) + 1:
            raise FetalFlexError(f"{path} has {len(self._offsets) - 1} images for {len(self)} records")
        self._positions = {record.file_name: number for number, record in enumerate(self)}

    def image(self, record: Record) -> NDArray[np.uint8]:
        """Return the image of a record as grey, `(H, W) uint8`.

        Raises:
            FetalFlexError: If the record is none of this file's.
        """
        position = self._positions.get(record.file_name)
        if position is None:
            raise FetalFlexError(f"{self.path} holds no image {record.file_name}")
        name = f"{self.path}: {record.file_name}"
        return check_size(decode_image(self._encoded(position), name), record, name)

    def mark(self, record: Record) -> SyntheticMark | None:
        """Return what says that an image is synthetic: its record, or its file; None if nothing does."""
        position = self._positions.get(record.file_name)
        return super().mark(record) or (None if position is None else mark_in_bytes(self._encoded(position)))

    def _encoded(self, position: int) -> bytes:
        """Return the JPEG file at a position."""
        begin, end = self._offsets[position : position + 2]
        return self._bytes[begin:end].tobytes()


def _shrunk(record: Record, pixels: NDArray[np.uint8], size: int) -> tuple[Record, NDArray[np.uint8]]:
    """Return the record and its `(H, W)` image with the longer side brought down to `size` pixels."""
    layout = record.layout
    scale = size / max(layout.width, layout.height)
    if scale >= 1:
        return record, pixels
    width, height = (max(1, round(side * scale)) for side in (layout.width, layout.height))
    small = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return replace(record, layout=layout.rescaled(scale, width=width, height=height)), np.asarray(small)


def _jpeg(pixels: NDArray[np.uint8], quality: int, mark: SyntheticMark | None) -> bytes:
    buffer = io.BytesIO()
    comment = {} if mark is None else {"comment": mark.notice.encode("ascii")}
    Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality, optimize=True, **comment)
    return buffer.getvalue()


def _content(
    records: Sequence[Record], jpegs: Iterable[bytes], licenses: Sequence[JsonMapping], registry: Registry
) -> bytes:
    jpegs = list(jpegs)
    coco = coco_from_records(records, registry, licenses=licenses)
    images = np.frombuffer(b"".join(jpegs), dtype=np.uint8)
    offsets = np.cumsum([0, *map(len, jpegs)], dtype=np.int64)
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "sha256": hashlib.sha256(images.data).hexdigest(),
        "annotations": json.dumps(coco, allow_nan=False, separators=(",", ":")),
    }
    return bytes(save({"images": images, "offsets": offsets}, metadata))


def _read(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64], dict[str, str]]:
    """Return image bytes, checked offsets and metadata of a packed file."""
    if not path.is_file():
        raise FetalFlexError(f"there is no packed data set {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            images, offsets = file.get_tensor("images"), file.get_tensor("offsets")
    except (SafetensorError, OSError, AttributeError, TypeError, ValueError) as error:  # of types that numpy lacks
        raise FetalFlexError(f"{path} is no packed data set: {error}") from error
    fits = images.dtype == np.uint8 and images.ndim == 1 and offsets.dtype == np.int64 and offsets.ndim == 1
    if not fits or len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(images) or (np.diff(offsets) < 0).any():
        raise FetalFlexError(f"{path} is no packed data set: its images and offsets do not fit together")
    return images, offsets, metadata
