"""Write a file wholly or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from fetalflex.errors import FetalFlexError
from fetalflex.files.leftovers import is_leftover, kept_alive, partial_name, remove


@contextmanager
def replacing(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` only once it is complete and on disk.

    The folder is made if it is missing. If the block raises, `path` stays as it was and nothing is left behind. A link
    at `path` is replaced, not followed. The file's mode is what the umask says.

    Args:
        path: File to write.

    Raises:
        FetalFlexError: If the folder cannot be made or the file not be written; the message names `path`.
    """
    with replacing_file(path) as partial, naming_failures(Path(path)), partial.open("r+b") as file:
        yield file


@contextmanager
def replacing_file(path: Path | str) -> Iterator[Path]:
    """Hand out the name of an empty file to overwrite, for libraries that open files themselves; see `replacing`."""
    path = Path(path)
    with naming_failures(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.parent / partial_name()
        try:
            with partial.open("xb") as file:
                mode = os.fstat(file.fileno()).st_mode & 0o777
            with kept_alive(partial):
                yield partial
                settle(partial, mode)
                partial.replace(path)
            if not _is_in_the_making(path.parent):
                flush(path.parent)
        finally:
            remove(partial)


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write a file wholly or not at all; see `replacing`."""
    with replacing(path) as file:
        file.write(data)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text, line ends as they are, wholly or not at all; see `replacing`."""
    write_bytes(path, text.encode())


@contextmanager
def naming_failures(path: Path) -> Iterator[None]:
    """Turn what the disk refuses into a FetalFlexError that names the file, whatever library wrote it."""
    try:
        yield
    except FetalFlexError:
        raise
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be written: {error.strerror or error}") from error
    except Exception as error:
        if not type(error).__module__.startswith("safetensors"):
            raise
        raise FetalFlexError(f"{path} cannot be written: {_reason(error)}") from error


def settle(path: Path, mode: int) -> None:
    """Give a file its mode, and wait until it is on disk."""
    if path.stat().st_mode & 0o777 != mode:  # some libraries have modes of their own
        path.chmod(mode)
    if not _is_in_the_making(path.parent):
        flush(path)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on disk."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        # Some network file systems cannot do this for folders.
        with contextlib.suppress(OSError) if path.is_dir() else contextlib.nullcontext():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_in_the_making(folder: Path) -> bool:
    """Say whether a folder is part of one that `new_folder` makes, which flushes all at once in the end."""
    return any(is_leftover(Path(part)) for part in folder.parts)


def _reason(error: Exception) -> str:
    """Return why a library could not write, in the system's words where it hands them on."""
    text = str(error)
    for number in (getattr(error, "errno", None), *_numbers_in(text)):
        if number:
            return os.strerror(number)
    return text


def _numbers_in(text: str) -> Iterator[int]:
    _, found, rest = text.partition("os error ")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    if found and digits:
        yield int(digits)
