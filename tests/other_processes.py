"""Other processes: those that were killed while they wrote, and those that hold a lock."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fetalflex.files.owner import Owner

NOBODY = Owner(Owner.this().place, 4_194_305, 1)
"""A process of this machine that does not run: the number is beyond what Linux gives out."""


def leftover_name(owner: Owner = NOBODY) -> str:
    """Return the name of a file that a process was writing."""
    return f".fetalflex-{owner}-0123abcd.partial"


def leave_file(folder: Path, owner: Owner = NOBODY) -> Path:
    """Make a half-written file of a process, dead by default."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / leftover_name(owner)
    path.write_bytes(b"half")
    return path


def leave_folder(folder: Path, owner: Owner = NOBODY) -> Path:
    """Make a half-written folder of a process, dead by default."""
    path = folder / leftover_name(owner)
    (path / "inner").mkdir(parents=True)
    (path / "inner" / "file").write_bytes(b"half")
    return path


def names(folder: Path) -> list[str]:
    """Return the names of all that lies in a folder, hidden files included, sorted."""
    return sorted(path.name for path in folder.iterdir())


_HOLD = "import sys\nfrom fetalflex.files import locked\nwith locked(sys.argv[2]):\n    print(1, flush=True); input()"


@contextmanager
def held_elsewhere(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Hold the lock of a folder by another process."""
    command = [sys.executable, "-c", _HOLD, "an argument", str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        yield holder
        holder.kill()
