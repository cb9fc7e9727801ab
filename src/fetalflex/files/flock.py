"""The system's own locks on open files: they end with their process, however it ends."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BUSY = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_UNKNOWN = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EBADF}


class Taken(Exception):  # noqa: N818 - what is the case
    """Signal that another process, or another part of this one, holds the lock."""


def take(path: Path, create: bool = False) -> int | None:
    """Lock a file or folder for this process alone, without waiting.

    Args:
        path: What to lock.
        create: Make it, as a file, if it is missing.

    Returns:
        The descriptor to give to `yield_`; None if the system or the file system knows no such locks.

    Raises:
        Taken: If it is locked.
        OSError: If it cannot be opened.
    """
    if fcntl is None:
        if create:
            path.touch()
        return None
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _UNKNOWN:
            return None
        if error.errno in _BUSY:
            raise Taken from error
        raise
    return descriptor


def yield_(descriptor: int) -> None:
    """Give up a lock."""
    with contextlib.suppress(OSError):
        os.close(descriptor)
