"""Names of what is being written, and the removal of what killed processes have left of it.

A file or folder in the making lies beside its place and is called `.fetalflex-OWNER-RANDOM.partial`; see `Owner`. Its
process also holds a lock on it, where the file system has such, so that processes of other containers and machines,
whose numbers mean nothing here, are known to live.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fetalflex.files.flock import Taken, take, yield_
from fetalflex.files.locks import is_lock, remove_stale_locks
from fetalflex.files.owner import Owner

_PARTIAL = re.compile(r"\.fetalflex-(?P<owner>[0-9a-f]{8}-[0-9]+-[0-9]+)-[0-9a-f]{8}\.partial")
_REPLACED = re.compile(
    r"\.fetalflex-(?P<owner>[0-9a-f]{8}-[0-9]+-[0-9]+)-[0-9a-f]{8}-(?P<target>[0-9a-f]{8})\.replaced"
)
_PREFIX = ".fetalflex-"
_UNTOUCHED_SECONDS = 24 * 3600
_NEW_SECONDS = 60


def partial_name() -> str:
    """Return a new name for something that this process is going to write."""
    return f".fetalflex-{Owner.this()}-{secrets.token_hex(4)}.partial"


def replaced_name(target: Path) -> str:
    """Return a new name for what makes room at `target`."""
    return f".fetalflex-{Owner.this()}-{secrets.token_hex(4)}-{_digest(target)}.replaced"


def is_leftover(path: Path) -> bool:
    """Say by its name whether something is unfinished; its process may be writing it still."""
    return _PARTIAL.fullmatch(path.name) is not None


def remove_leftovers(folder: Path) -> None:
    """Remove what dead processes have left unfinished in a folder, not deeper; what cannot be removed stays.

    What had to make room for something that never came is no such thing: see `restore`.
    """
    found = _candidates(folder)
    for path in found:
        if is_leftover(path) and is_abandoned(path):
            remove(path)
    remove_stale_locks(path for path in found if is_lock(path.name))


def restore(target: Path) -> None:
    """Put back a folder that had made room for a new one, if its process died before the new one came; else remove it.

    Args:
        target: Where the folder belongs.
    """
    for path in _candidates(target.parent):
        match = _REPLACED.fullmatch(path.name)
        if match is None or match["target"] != _digest(target) or not is_abandoned(path):
            continue
        if target.exists():
            remove(path)
        else:
            path.rename(target)


def is_abandoned(path: Path) -> bool:
    """Say whether the process that was writing something is known to be dead."""
    match = _PARTIAL.fullmatch(path.name) or _REPLACED.fullmatch(path.name)
    if match is None:
        return False
    owner = Owner.parse(match["owner"])
    if owner is None:
        return False
    if owner.is_here():
        return not owner.lives()
    if _age(path) < _NEW_SECONDS:
        return False
    try:
        held = take(path)
    except (Taken, OSError):
        return False
    if held is None:  # no locks there, so nothing is known
        return _age(path) > _UNTOUCHED_SECONDS
    yield_(held)
    return True


@contextmanager
def kept_alive(path: Path) -> Iterator[None]:
    """Tell other machines and containers, as far as the file system can, that something is being written."""
    held = None
    with contextlib.suppress(OSError, Taken):
        held = take(path)
    try:
        yield
    finally:
        if held is not None:
            yield_(held)


def remove(path: Path) -> None:
    """Remove a file or folder, as far as possible; of a link only itself."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _candidates(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(one.path) for one in entries if one.name.startswith(_PREFIX)]
    except OSError:
        return []


def _age(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _digest(target: Path) -> str:
    return hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]
