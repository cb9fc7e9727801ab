"""Make a folder wholly or not at all."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fetalflex.errors import FetalFlexError


def check_new_folder(out: Path, force: bool, marker: str) -> None:
    """Check that a folder may be made at `out`, before time is spent on what goes into it.

    Args:
        out: Folder to make; it may exist if it is empty.
        force: Allow a folder that is there to be replaced, if it is of the same kind.
        marker: File that tells a folder of the same kind, so that no other folder is ever replaced.

    Raises:
        FetalFlexError: If something is in the way.
    """
    check_no_file_in_the_way(out)
    if not out.exists() or not any(out.iterdir()):
        return
    if not force:
        raise FetalFlexError(f"{out} is already there and not empty; give a new folder, or allow replacing it (force)")
    if not (out / marker).is_file():
        raise FetalFlexError(
            f"{out} holds no {marker}, so it is not replaced, not even by force; give a new folder or clear it yourself"
        )


def check_no_file_in_the_way(out: Path) -> None:
    """Check, before time is spent on what goes into it, that a folder is at `out` or can be made there.

    Raises:
        FetalFlexError: If `out` or a folder above it is a file.
    """
    for path in (out, *out.parents):
        if path.exists() and not path.is_dir():
            raise FetalFlexError(f"{path} is a file; give a folder to write to")


@contextmanager
def new_folder(out: Path, force: bool, marker: str) -> Iterator[Path]:
    """Hand out an empty folder beside `out` that takes its place once the block has ended well and all is on disk.

    If the block raises, `out` stays as it was and nothing is left behind.

    Args:
        out: See `check_new_folder`.
        force: See `check_new_folder`.
        marker: See `check_new_folder`.

    Raises:
        FetalFlexError: If something is in the way, or the disk does not take the files.
    """
    out = out.resolve()
    check_new_folder(out, force, marker)
    partial = out.parent / f".{uuid.uuid4().hex}.partial"
    try:
        partial.mkdir(parents=True)
        yield partial
        _flush(partial)
        _take_place(partial, out)
    except OSError as error:
        raise FetalFlexError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _take_place(partial: Path, out: Path) -> None:
    if not out.exists():
        partial.rename(out)
        return
    old = partial.with_suffix(".replaced")
    out.rename(old)
    try:
        partial.rename(out)
    except OSError:
        old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Wait until files, folders and their names are on disk."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir() and os.name == "nt":  # folders cannot be opened there
            continue
        descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
