"""Make a folder wholly or not at all, in the place of nothing but an older one of its kind."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.files.leftovers import kept_alive, partial_name, remove, remove_leftovers, replaced_name, restore
from fetalflex.files.locks import locked
from fetalflex.files.markers import MARKER, FolderKind, foreign_in, is_empty, listed, write_marker
from fetalflex.files.writing import flush, naming_failures

__all__ = ["FolderKind", "check_no_file_in_the_way", "check_replaceable", "new_folder", "reserved"]

_AT_FDCWD, _EXCHANGE = -100, 2


def check_no_file_in_the_way(out: Path) -> None:
    """Check, before time is spent on what goes into it, that a folder is at `out` or can be made there.

    Raises:
        FetalFlexError: If `out` or a folder above it is a file.
    """
    for path in (out, *out.parents):
        if path.exists() and not path.is_dir():
            raise FetalFlexError(f"{path} is a file; give a folder to write to")


def check_replaceable(out: Path, kind: FolderKind, force: bool) -> None:
    """Check that a folder may be made at `out`, before time is spent on what goes into it.

    Args:
        out: Folder to make; it may exist if it is empty.
        kind: What it is to be.
        force: Allow a folder of the same kind that is there to be replaced, if all that it holds belongs to it.

    Raises:
        FetalFlexError: If something is in the way.
    """
    check_no_file_in_the_way(out)
    if is_empty(out):
        return
    foreign = foreign_in(out, kind)
    if foreign is None:
        raise FetalFlexError(
            f"{out} is already there and is not {kind.with_article} that FetalFlex wrote, so it is not replaced, not "
            "even by force; give a new folder or clear it yourself"
        )
    if foreign:
        raise FetalFlexError(
            f"{out} is {kind.with_article}, but also holds what FetalFlex did not write ({listed(foreign)}), so it is "
            "not replaced, not even by force; move these files elsewhere, or give a new folder"
        )
    if not force:
        raise FetalFlexError(f"{out} is already there and not empty; give a new folder, or allow replacing it (force)")


@contextmanager
def reserved(out: Path, kind: FolderKind, force: bool) -> Iterator[None]:
    """Keep the place of a folder that is going to be made during the block, for as long as the preparations take.

    What a killed process has left beside it is removed; a folder that it had moved away comes back.

    Raises:
        FetalFlexError: If something is in the way at `out`, or another process is writing there.
    """
    out = out.resolve()
    check_no_file_in_the_way(out)
    with locked(out):
        remove_leftovers(out.parent)
        with naming_failures(out):
            restore(out)
        check_replaceable(out, kind, force)
        yield


@contextmanager
def new_folder(out: Path, kind: FolderKind, force: bool) -> Iterator[Path]:
    """Hand out an empty folder beside `out` that takes its place once the block has ended well and all is on disk.

    If the block raises, `out` stays as it was and nothing is left behind. The folder gets a marker, which says what it
    is and what belongs to it. Modes of files and folders are what the umask says.

    Args:
        out: See `check_replaceable`.
        kind: See there.
        force: See there.

    Raises:
        FetalFlexError: If something is in the way, another process is writing there, or the disk does not take the
            files.
    """
    out = out.resolve()
    with reserved(out, kind, force):
        partial = out.parent / partial_name()
        try:
            with naming_failures(out), _named_as(partial, out):
                partial.mkdir()
                with kept_alive(partial):
                    yield partial
                    write_marker(partial, kind, is_complete=True)
                    _settle(partial)
                    check_replaceable(out, kind, force)  # somebody may have put something there meanwhile
                    _take_place(partial, out, kind)
        finally:
            remove(partial)


@contextmanager
def _named_as(partial: Path, out: Path) -> Iterator[None]:
    """Tell errors with the name that a file would have had in the end."""
    try:
        yield
    except FetalFlexError as error:
        if str(partial) not in str(error):
            raise
        raise FetalFlexError(str(error).replace(str(partial), str(out))) from error


def _take_place(partial: Path, out: Path, kind: FolderKind) -> None:
    if not out.exists() or not any(out.iterdir()):
        partial.rename(out)  # also takes the place of an empty folder
    elif _exchange(partial, out):
        if not is_empty(partial) and foreign_in(partial, kind) != []:  # it is the old one now; somebody was quick
            _exchange(partial, out)
            check_replaceable(out, kind, force=True)
        remove(partial)
    else:
        old = out.parent / replaced_name(out)
        out.rename(old)
        try:
            partial.rename(out)
        except OSError:
            old.rename(out)
            raise
        remove(old)
    flush(out.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step, so that no crash leaves neither of them in place; False if that cannot be."""
    rename = _renameat2()
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM):  # not by this kernel or file system
        return False
    raise OSError(number, os.strerror(number), str(other))


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    found = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if found is not None:
        found.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return found


def _settle(folder: Path) -> None:
    """Give all files the mode that the umask says, and wait until files, folders and their names are on disk."""
    mode = (folder / MARKER).stat().st_mode & 0o777
    for path in [*folder.rglob("*"), folder]:
        if not path.is_dir() and path.stat().st_mode & 0o777 != mode:  # some libraries have modes of their own
            path.chmod(mode)
        flush(path)
