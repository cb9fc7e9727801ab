"""Locks on folders: one command at a time writes into each.

The lock is the system's own, on a file that says who holds it, so that it ends with its process, even a killed one.
Where a file system has no such locks, the file itself is the lock, and one whose process is dead is taken over.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.files.flock import Taken, take, yield_
from fetalflex.files.owner import Owner

_INSIDE = ".fetalflex-lock"
_BESIDE = re.compile(r"\.fetalflex-[0-9a-f]{12}\.lock")
_LONGEST_COMMAND = 80
_TRIES = 20
_SIGNING_SECONDS = 0.02


@dataclass
class _Held:
    """A lock of this process: its descriptor, how often it was taken, and folders that were made for it."""

    descriptor: int | None
    made: list[Path] = field(default_factory=list)
    count: int = 1


_held: dict[Path, _Held] = {}
_guard = threading.RLock()


@contextmanager
def locked(path: Path | str) -> Iterator[None]:
    """Let no other process write to a place during the block.

    The lock lies beside the place, which need not exist yet; or inside, if the folder around it cannot be written to.
    This process may lock it again meanwhile, so that a command and the functions that it calls can both do so. Folders
    that were made for the lock and are still empty at the end are removed.

    Args:
        path: Folder, or file, that is going to be written to.

    Raises:
        FetalFlexError: If another process has locked it; the message says which. Or it cannot be written to.
    """
    path = Path(path).resolve()
    for parent in path.parents:
        if parent.exists() and not parent.is_dir():
            raise FetalFlexError(f"{parent} is a file; give a folder to write to")
    lock = _lock_of(path)
    with _guard:
        if lock in _held:
            _held[lock].count += 1
        else:
            _held[lock] = _acquire(lock, path)
    try:
        yield
    finally:
        with _guard:
            held = _held[lock]
            held.count -= 1
            if not held.count:
                del _held[lock]
                _release(lock, held)


def is_lock(name: str) -> bool:
    """Say whether a file's name is that of a lock."""
    return name == _INSIDE or _BESIDE.fullmatch(name) is not None


def remove_stale_locks(names: Iterable[Path]) -> None:
    """Remove those of some locks that nobody holds; killed processes have left them."""
    for lock in names:
        with contextlib.suppress(OSError, Taken):
            descriptor = take(lock)
            if descriptor is not None:
                _release(lock, _Held(descriptor))


def _lock_of(path: Path) -> Path:
    around = path.parent
    if around == path or (around.exists() and not os.access(around, os.W_OK)):
        return path / _INSIDE
    return around / f".fetalflex-{hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]}.lock"


def _acquire(lock: Path, path: Path) -> _Held:
    made: list[Path] = []
    try:
        made = _with_parents(lock.parent)
        descriptor = _take(lock, path)
        try:
            _sign(lock)
        except BaseException:
            _release(lock, _Held(descriptor))
            raise
    except OSError as error:
        _remove_empty(made)
        told = f" (its lock is {lock})" if lock.exists() else ""
        raise FetalFlexError(f"{path} cannot be written: {error.strerror or error}{told}") from error
    return _Held(descriptor, made)


def _take(lock: Path, path: Path) -> int | None:
    for _ in range(_TRIES):
        try:
            descriptor = take(lock, create=True)
        except Taken:
            raise _in_use(lock, path) from None
        if descriptor is None:
            _take_by_number(lock, path)
            return None
        if _is_at(descriptor, lock):
            return descriptor
        yield_(descriptor)  # its holder has just removed it
    raise _in_use(lock, path)


def _release(lock: Path, held: _Held) -> None:
    with contextlib.suppress(OSError):
        if held.descriptor is None or _is_at(held.descriptor, lock):
            lock.unlink()  # before it is given up, so that nobody locks a file that is about to go
    if held.descriptor is not None:
        yield_(held.descriptor)
    _remove_empty(held.made)


def _sign(lock: Path) -> None:
    command = " ".join((Path(sys.argv[0] or "python").name, *sys.argv[1:]))
    short = command if len(command) <= _LONGEST_COMMAND else command[:_LONGEST_COMMAND] + " ..."
    text = "".join(letter if letter.isprintable() else " " for letter in short)
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    sentence = f"process {os.getpid()} on {platform.node() or 'this machine'}, since {since}: {text}"
    lock.write_text(f"{Owner.this()}\n{sentence}\n", encoding="utf-8", errors="backslashreplace")


def _signature(lock: Path) -> tuple[Owner | None, str]:
    """Return who holds a lock, and that in words."""
    try:
        first, _, rest = lock.read_text(encoding="utf-8", errors="replace").partition("\n")
    except OSError:
        first, rest = "", ""
    return Owner.parse(first), " ".join(rest.split()) or "another process"


def _in_use(lock: Path, path: Path) -> FetalFlexError:
    for _ in range(_TRIES):
        owner, who = _signature(lock)
        if owner is not None:
            break
        time.sleep(_SIGNING_SECONDS)
    return FetalFlexError(f"{path} is in use by {who}; wait until it has ended, or write somewhere else")


def _take_by_number(lock: Path, path: Path) -> None:
    """Take a lock where the file system has none; one without a name in it was made by `take`, just now."""
    owner, who = _signature(lock)
    if owner is None or owner == Owner.this() or (owner.is_here() and not owner.lives()):
        return
    if owner.is_here():
        raise _in_use(lock, path)
    raise FetalFlexError(f"{path} is in use by {who}; if that process has ended, delete {lock}")


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _with_parents(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the new ones, the deepest first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
