"""`synthetic.jsonl`: the synthetic images of a folder by the digest of their pixels.

It lies beside synthetic images, so that one whose metadata are gone, since another program has saved it anew, is known
all the same; see `KnownSynthetic`.

Each line is a JSON object: `pixels`, the digest; `look`, the cells, row by row in base64; `width` and `height`; `file`,
and what is known of how the image was made. The first line says what the file is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonMapping
from fetalflex.provenance.fingerprints import LOOK_SIDE, Look, look_of, pixel_digest
from fetalflex.provenance.mark import SYNTHETIC, SyntheticMark, mark_of_fields

SYNTHETIC_LIST = "synthetic.jsonl"
_FORMAT = "fetalflex/synthetic-images"
_HEADER = {
    "format": _FORMAT,
    "version": 1,
    "about": "Images in this folder and below that are synthetic, by the SHA-256 of their size and 8-bit grey values. "
    "Keep this file with them: it tells even when their metadata are gone.",
}
_LONGEST_LINE = 20_000
_MOST_BYTES = 2**30
_MOST_DAMAGED = 1000


class SyntheticList:
    """Collect the synthetic images of a new folder, then write their list."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, file: str, pixels: NDArray[np.uint8], mark: SyntheticMark) -> None:
        """Add an image, `(H, W) uint8`, under its path relative to the folder."""
        self._lines.append(list_line(file, pixels, mark))

    def __len__(self) -> int:
        return len(self._lines)

    def write(self, folder: Path) -> None:
        """Write the list into a folder; without images nothing is written."""
        if self._lines:
            write_text(folder / SYNTHETIC_LIST, "".join([header_line(), *self._lines]))


@dataclass(frozen=True)
class Entry:
    """An image of a list: the digest of its pixels, `(1024,) uint8` cells, and what is known of it."""

    digest: str
    look: Look
    mark: SyntheticMark


def header_line() -> str:
    """Return the first line of a list."""
    return _json(_HEADER)


def list_line(file: str, pixels: NDArray[np.uint8], mark: SyntheticMark) -> str:
    """Return the line of an image, `(H, W) uint8`."""
    height, width = pixels.shape
    known = {
        "file": file,
        "pixels": pixel_digest(pixels).hex(),
        "width": width,
        "height": height,
        "look": base64.b64encode(look_of(pixels).tobytes()).decode(),
    }
    return _json({**known, **mark.facts})


def is_list(path: Path) -> bool:
    """Say whether a file of this name is such a list, and not one that somebody else calls so; an empty one is.

    A first line that was cut short, since its process was killed, counts.
    """
    with path.open("rb") as file:
        first = file.readline(_LONGEST_LINE)
    begun = first.removesuffix(b"\n")
    return _is_header(first) or (header_line().encode().startswith(begun) and begun != b"") or not first


def read_list(path: Path) -> Iterator[Entry]:
    """Yield the images of a list, without lines that are damaged; none if there is no list.

    Raises:
        FetalFlexError: If it is larger than any that is read, or most of it damaged, so that what it knows would go
            unseen.
    """
    try:
        if not path.is_file():
            return
        with path.open("rb") as file:
            if path.stat().st_size > _MOST_BYTES:
                if not _is_header(file.readline(_LONGEST_LINE)):
                    return
                raise FetalFlexError(
                    f"{path} has more than {_MOST_BYTES:,} bytes, the most that are read, so it is not told which "
                    "images are synthetic; divide the folder"
                )
            yield from _entries(file, path)
    except OSError:
        return


def _entries(file: BinaryIO, path: Path) -> Iterator[Entry]:
    is_ours, damaged = False, 0
    for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
        try:
            values = json.loads(line)
            digest, mark = str(values["pixels"]).lower(), mark_of_fields({**values, SYNTHETIC: True})
            look = np.frombuffer(base64.b64decode(values["look"], validate=True), np.uint8)
        except (ValueError, TypeError, KeyError, RecursionError):
            mark = None
        if mark is not None and len(look) == LOOK_SIDE**2:
            is_ours = True
            yield Entry(digest, look, mark)
        elif _is_header(line):
            is_ours = True
        else:
            damaged += 1
        if damaged > _MOST_DAMAGED:
            if is_ours:
                raise FetalFlexError(
                    f"{path} has more than {_MOST_DAMAGED:,} damaged lines, so it is not told which images are "
                    "synthetic; restore it"
                )
            return


def _is_header(line: bytes) -> bool:
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(values, dict) and values.get("format") == _FORMAT


def _json(values: JsonMapping) -> str:
    return json.dumps(values, allow_nan=False) + "\n"
