"""What a process that was killed while it wrote has left."""

from __future__ import annotations

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
