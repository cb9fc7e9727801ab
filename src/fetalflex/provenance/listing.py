"""`synthetic.jsonl`: the synthetic images of a folder by the digest of their pixels.

It lies beside synthetic images and is looked for in an image's folder and those above it, up to the source's. So an
image whose metadata are gone, since another program has saved it anew, is known all the same: by its grey values if
they are unchanged, else by the mean grey of 32 x 32 cells, which saving as JPEG and scaling hardly change. An image
that was cropped, turned or changed in contrast, or was taken away from its list, is not known.

Each line is a JSON object: `pixels`, the digest; `look`, the cells, row by row in base64; `width` and `height`; `file`,
and what is known of how the image was made. The first line says what the file is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.files import naming_failures, write_text
from fetalflex.provenance.file_text import mark_in_file
from fetalflex.provenance.fingerprints import LARGEST_DIFFERENCE, LOOK_SIDE, Look, look_of, pixel_digest
from fetalflex.provenance.mark import SYNTHETIC, SyntheticMark, mark_of_fields

SYNTHETIC_LIST = "synthetic.jsonl"
_HEADER = {
    "format": "fetalflex/synthetic-images",
    "version": 1,
    "about": "Images in this folder and below that are synthetic, by the SHA-256 of their size and 8-bit grey values. "
    "Keep this file with them: it tells even when their metadata are gone.",
}
_LONGEST_LINE = 20_000
_MOST_BYTES = 256 * 2**20
_WORST_ASPECT = 0.03
"""By which the ratio of the sides may differ where an image was scaled."""


class SyntheticList:
    """Collect the synthetic images of a new folder, then write their list."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, file: str, pixels: NDArray[np.uint8], mark: SyntheticMark) -> None:
        """Add an image, `(H, W) uint8`, under its path relative to the folder."""
        self._lines.append(_line(file, pixels, mark))

    def __len__(self) -> int:
        return len(self._lines)

    def write(self, folder: Path) -> None:
        """Write the list into a folder; without images nothing is written."""
        if self._lines:
            write_text(folder / SYNTHETIC_LIST, "".join([_json(_HEADER), *self._lines]))


def append_to_list(path: Path, pixels: NDArray[np.uint8], mark: SyntheticMark) -> None:
    """Add an image file to the list in its folder, which is made if it is missing.

    A line is written at once, so that several processes may add to one list. What the list knows already is not added.

    It is to be called before the image is written, so that no image is there that the list does not know.

    Args:
        path: The image file.
        pixels: Its grey values, `(H, W) uint8`.
        mark: What is known of how it was made.

    Raises:
        FetalFlexError: If the disk does not take it.
    """
    target, line = path.parent / SYNTHETIC_LIST, _line(path.name, pixels, mark).encode()
    with naming_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            known = target.read_bytes() if target.stat().st_size <= _MOST_BYTES else b""
        except FileNotFoundError:
            known, line = b"", _json(_HEADER).encode() + line
        if line in known:
            return
        if known and not known.endswith(b"\n"):  # a process was killed while it wrote
            line = b"\n" + line
        with target.open("ab", buffering=0) as file:
            file.write(line)


class KnownSynthetic:
    """Tell images that lists in a source know.

    Args:
        root: Folder of the source; lists above it are not looked for.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._lists: dict[Path, _List | None] = {}

    def has_lists(self, path: Path) -> bool:
        """Say whether there is a list that might know an image file."""
        return any(self._list_in(folder) is not None for folder in self._folders(path))

    def find(self, path: Path, pixels: NDArray[np.uint8]) -> tuple[SyntheticMark, bool] | None:
        """Return the mark of an image, and whether its pixels are exactly those of the list; None if none knows it.

        Args:
            path: Image file.
            pixels: Its grey values, `(H, W) uint8`.
        """
        lists = [found for folder in self._folders(path) if (found := self._list_in(folder)) is not None]
        if not lists:
            return None
        digest = pixel_digest(pixels).hex()
        for one in lists:
            if digest in one.by_digest:
                return one.by_digest[digest], True
        height, width = pixels.shape
        look = look_of(pixels)
        for one in lists:
            if (mark := one.alike(look, width / height)) is not None:
                return mark, False
        return None

    def _folders(self, path: Path) -> list[Path]:
        """Return the folder of a file, and those above it up to the root."""
        parent = path.parent.resolve()
        if not parent.is_relative_to(self._root):
            return [parent]
        return [parent, *(folder for folder in parent.parents if folder.is_relative_to(self._root))]

    def _list_in(self, folder: Path) -> _List | None:
        if folder not in self._lists:
            self._lists[folder] = _read(folder / SYNTHETIC_LIST)
        return self._lists[folder]


def mark_of_image(path: Path, pixels: NDArray[np.uint8], known: KnownSynthetic | None = None) -> SyntheticMark | None:
    """Return what says that an image is synthetic: its file, or a list; None if nothing does.

    Args:
        path: Image file.
        pixels: Its grey values, `(H, W) uint8`.
        known: The lists of the source that it is part of; by default that of its own folder alone.
    """
    if (mark := mark_in_file(path)) is not None:
        return mark
    found = (known or KnownSynthetic(path.parent)).find(path, pixels)
    return None if found is None else found[0]


@dataclass(frozen=True)
class _List:
    """Hold a list: marks by digest, and looks, (N, 1024), with the ratio of the sides and the mark of each."""

    by_digest: dict[str, SyntheticMark]
    looks: NDArray[np.int16]
    aspects: NDArray[np.float64]
    marks: list[SyntheticMark]

    def alike(self, look: Look, aspect: float) -> SyntheticMark | None:
        """Return the mark of the image that looks most alike, if it is alike enough."""
        near = np.flatnonzero(np.abs(self.aspects / aspect - 1) <= _WORST_ASPECT)
        if not len(near) or int(np.ptp(look)) == 0:  # an empty picture looks like any other
            return None
        worst = np.abs(self.looks[near] - look.astype(np.int16)).max(axis=1)
        best = int(worst.argmin())
        return self.marks[near[best]] if worst[best] <= LARGEST_DIFFERENCE else None


def _line(file: str, pixels: NDArray[np.uint8], mark: SyntheticMark) -> str:
    height, width = pixels.shape
    known = {
        "file": file,
        "pixels": pixel_digest(pixels).hex(),
        "width": width,
        "height": height,
        "look": base64.b64encode(look_of(pixels).tobytes()).decode(),
    }
    return _json({**known, **mark.facts})


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, allow_nan=False) + "\n"


def _read(path: Path) -> _List | None:
    """Return a list, without lines that are damaged; None if there is none."""
    by_digest: dict[str, SyntheticMark] = {}
    looks: list[Look] = []
    aspects: list[float] = []
    marks: list[SyntheticMark] = []
    try:
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            return None
        with path.open("rb") as file:
            for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
                try:
                    entry = json.loads(line)
                    digest, mark = str(entry["pixels"]).lower(), mark_of_fields({**entry, SYNTHETIC: True})
                    look = np.frombuffer(base64.b64decode(entry["look"], validate=True), np.uint8)
                    aspect = float(entry["width"]) / float(entry["height"])
                except (ValueError, TypeError, KeyError, ZeroDivisionError, RecursionError, OverflowError):
                    continue
                if mark is None or len(look) != LOOK_SIDE**2:
                    continue
                by_digest.setdefault(digest, mark)
                looks.append(look)
                aspects.append(aspect)
                marks.append(mark)
    except OSError:
        return None
    if not marks:
        return None
    return _List(by_digest, np.array(looks, np.int16), np.array(aspects), marks)
