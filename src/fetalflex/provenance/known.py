"""Tell synthetic images whose own files do not say so any more: by lists beside them, and by copies that do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.provenance.file_text import mark_in_file
from fetalflex.provenance.fingerprints import (
    LARGEST_DIFFERENCE,
    LEAST_CONTRAST,
    LOOK_SIDE,
    Look,
    coarse,
    look_of,
    pixel_digest,
    turned,
)
from fetalflex.provenance.listing import SYNTHETIC_LIST, Entry, read_list
from fetalflex.provenance.mark import SyntheticMark

_LEVELS_ABOVE = 3
"""Folders above a source in which a list still counts: a data set's is two above `images/train`."""

_ROUNDING = 0.5
_AT_ONCE = 4096


class KnownSynthetic:
    """The images known to lists in a source or not far above it, and those that are copies of synthetic images in it.

    An image is known by its grey values if they are unchanged, else by the mean grey of 32 x 32 cells, which saving as
    JPEG and scaling hardly change, also turned by quarters or mirrored. One that was cropped or changed in contrast is
    not known.

    Args:
        root: Folder of the source.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._lists: dict[Path, _Pictures | None] = {}
        self._learnt = _Pictures()

    def learn(self, digest: bytes, look: Look, mark: SyntheticMark) -> None:
        """Remember an image that says itself that it is synthetic, so that copies of it are known.

        Args:
            digest: Digest of its pixels.
            look: Its look, `(1024,) uint8`.
            mark: What it says.
        """
        self._learnt.add(Entry(digest.hex(), look, mark))

    def has_lists(self, path: Path) -> bool:
        """Say whether there is a list that might know an image file."""
        return any(self._list_in(folder) is not None for folder in self._folders(path))

    def find(self, path: Path, pixels: NDArray[np.uint8]) -> tuple[SyntheticMark, bool] | None:
        """Return the mark of an image, and whether its pixels are exactly those of the list; None if none knows it.

        Args:
            path: Image file.
            pixels: Its grey values, `(H, W) uint8`.

        Raises:
            FetalFlexError: If a list is too large to be read.
        """
        return self.find_by(path, pixel_digest(pixels), look_of(pixels))

    def find_by(self, path: Path, digest: bytes, look: Look) -> tuple[SyntheticMark, bool] | None:
        """Return the same for an image of which digest and look, `(1024,) uint8`, are known; see `find`."""
        found = [one for folder in self._folders(path) if (one := self._list_in(folder)) is not None]
        if len(self._learnt):
            found.append(self._learnt)
        if not found:
            return None
        for one in found:
            if (mark := one.same(digest.hex())) is not None:
                return mark, True
        ways = turned(look) if int(np.ptp(look)) >= LEAST_CONTRAST else []
        for one in found:
            if (mark := one.alike(ways)) is not None:
                return mark, False
        return None

    def _folders(self, path: Path) -> list[Path]:
        """Return the folder of a file, and those above it, up to a few above the root."""
        parent = path.parent.resolve()
        within = [folder for folder in (parent, *parent.parents) if folder.is_relative_to(self._root)]
        return [*(within or [parent]), *(within or [parent])[-1].parents[:_LEVELS_ABOVE]]

    def _list_in(self, folder: Path) -> _Pictures | None:
        if folder not in self._lists:
            pictures = _Pictures(read_list(folder / SYNTHETIC_LIST))
            self._lists[folder] = pictures if len(pictures) else None
        return self._lists[folder]


def mark_of_image(path: Path, pixels: NDArray[np.uint8], known: KnownSynthetic | None = None) -> SyntheticMark | None:
    """Return what says that an image is synthetic: its file, or a list; None if nothing does.

    Args:
        path: Image file.
        pixels: Its grey values, `(H, W) uint8`.
        known: The lists of the source that it is part of; by default those near its own folder.
    """
    if (mark := mark_in_file(path)) is not None:
        return mark
    found = (known or KnownSynthetic(path.parent)).find(path, pixels)
    return None if found is None else found[0]


@dataclass
class _Looks:
    """Looks, `(N, 1024) uint8`, and their coarse means, `(N, 16)`."""

    fine: NDArray[np.uint8]
    coarse: NDArray[np.float32]


class _Pictures:
    """Synthetic images by digest and by look."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._by_digest: dict[str, SyntheticMark] = {}
        self._marks: list[SyntheticMark] = []
        self._looks = bytearray()
        self._stacked: _Looks | None = None
        for entry in entries:
            self.add(entry)

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, entry: Entry) -> None:
        """Take one more image."""
        if self._stacked is not None:
            self._looks, self._stacked = bytearray(self._looks), None  # the old one cannot grow while arrays view it
        self._by_digest.setdefault(entry.digest, entry.mark)
        self._looks += entry.look.tobytes()
        self._marks.append(entry.mark)

    def same(self, digest: str) -> SyntheticMark | None:
        """Return the mark of the image with a digest, if there is one."""
        return self._by_digest.get(digest)

    def alike(self, ways: list[Look]) -> SyntheticMark | None:
        """Return the mark of the image most like a picture in one of the ways in which it may lie; None if none is."""
        if not self._marks or not ways:
            return None
        if self._stacked is None:
            fine = np.frombuffer(self._looks, np.uint8).reshape(-1, LOOK_SIDE**2)
            self._stacked = _Looks(fine, coarse(fine))
        found: list[tuple[int, int]] = []
        for way, mean in zip(ways, coarse(np.array(ways)), strict=True):
            worst = np.abs(self._stacked.coarse - mean).max(axis=1)
            near = np.flatnonzero(worst <= LARGEST_DIFFERENCE + _ROUNDING)
            for first in range(0, len(near), _AT_ONCE):
                some = near[first : first + _AT_ONCE]
                differences = np.abs(self._stacked.fine[some].astype(np.int16) - way.astype(np.int16)).max(axis=1)
                best = int(differences.argmin())
                found.append((int(differences[best]), int(some[best])))
        difference, number = min(found, default=(LARGEST_DIFFERENCE + 1, -1))
        return self._marks[number] if difference <= LARGEST_DIFFERENCE else None
