"""Add images one by one to the list in their folder, while they are being made."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.files import naming_failures
from fetalflex.provenance.listing import SYNTHETIC_LIST, header_line, is_list, list_line
from fetalflex.provenance.mark import SyntheticMark

_MOST_FOLDERS = 64


@dataclass
class _Read:
    """How much of a list this process has read, as which file, and the digests of the lines in it."""

    file: tuple[int, int]
    end: int = 0
    lines: set[bytes] = field(default_factory=set)
    is_cut: bool = False


_known: dict[Path, _Read] = {}


def append_to_list(path: Path, pixels: NDArray[np.uint8], mark: SyntheticMark) -> None:
    """Add an image file to the list in its folder, which is made if it is missing.

    A line is written at once, so that several processes may add to one list. What the list knows already is not added.
    It is to be called before the image is written, so that no image is there that the list does not know.

    Args:
        path: The image file.
        pixels: Its grey values, `(H, W) uint8`.
        mark: What is known of how it was made.

    Raises:
        FetalFlexError: If the disk does not take it, or a file of that name is no such list.
    """
    target, line = path.parent / SYNTHETIC_LIST, list_line(path.name, pixels, mark).encode()
    with naming_failures(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("a+b", buffering=0) as file:
            known = _read_on(target.resolve(), file.fileno())
            if not known.end:
                line = header_line().encode() + line
            elif hashlib.sha256(line).digest() in known.lines:
                return
            elif known.is_cut:  # a process was killed while it wrote
                line = b"\n" + line
            file.write(line)


def _read_on(target: Path, descriptor: int) -> _Read:
    """Return what a list holds; only what is new since the last time is read."""
    state = os.fstat(descriptor)
    identity = (state.st_dev, state.st_ino)
    known = _known.get(target)
    if known is None or known.file != identity or known.end > state.st_size:
        if state.st_size and not is_list(target):
            raise FetalFlexError(
                f"{target} is not the list of synthetic images that FetalFlex keeps under this name; rename it, or "
                "write to another folder"
            )
        while len(_known) >= _MOST_FOLDERS:
            _known.pop(next(iter(_known)))
        known = _known[target] = _Read(identity)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(known.end - 1 if known.is_cut else known.end)
        for line in file:
            known.lines.add(hashlib.sha256(line).digest())
            known.is_cut = not line.endswith(b"\n")
        known.end = file.tell()
    return known
