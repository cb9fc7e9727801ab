"""Which process something on disk belongs to, and whether that process still runs."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

_TEXT = re.compile(r"(?P<place>[0-9a-f]{8})-(?P<pid>[0-9]{1,10})-(?P<start>[0-9]{1,20})")


@dataclass(frozen=True)
class Owner:
    """Name a process so that no other one, earlier, later or elsewhere, has the same name.

    Args:
        place: Digest of the machine, its start, and the space of process numbers (a container has its own).
        pid: Number of the process there.
        start: When it started, in the machine's ticks; 0 where that cannot be told.
    """

    place: str
    pid: int
    start: int

    @classmethod
    def this(cls) -> Owner:
        """Return this process."""
        pid = os.getpid()
        return cls(_place(), pid, _start_of(pid) or 0)

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """Return the owner that `str` has written, None for any other text."""
        match = _TEXT.fullmatch(text)
        return None if match is None else cls(match["place"], int(match["pid"]), int(match["start"]))

    def __str__(self) -> str:
        return f"{self.place}-{self.pid}-{self.start}"

    def is_here(self) -> bool:
        """Say whether the process counts among those that this one can see."""
        return self.place == _place()

    def lives(self) -> bool:
        """Say whether the process runs; only for one that `is_here`. What cannot be told counts as alive."""
        if os.name == "nt":  # there a signal 0 would end the process
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except (OSError, OverflowError):
            return True
        start = _start_of(self.pid)
        return start is None or self.start in (0, start)


@functools.cache
def _place() -> str:
    parts = [platform.node()]
    for source in (Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")):
        with contextlib.suppress(OSError):
            parts.append(str(source.readlink()) if source.is_symlink() else source.read_text(encoding="ascii"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _start_of(pid: int) -> int | None:
    """Return when a process started, None where there is no `/proc` to tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(status.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None
