"""The marker of a folder: which kind of thing FetalFlex wrote there, and what belongs to it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.files.leftovers import is_leftover
from fetalflex.files.locks import is_lock
from fetalflex.files.writing import write_text

MARKER = ".fetalflex-folder"
"""Without an ending that any annotation format has, so that no importer takes it for annotations."""

_FORMAT, _VERSION = "fetalflex/folder", 1
_LARGEST_MARKER = 256_000_000
_OF_THE_SYSTEM = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", ".directory"})
_SHOWN = 3


@dataclass(frozen=True)
class FolderKind:
    """Describe a kind of folder that the product writes.

    Args:
        name: What it is called in messages and in the marker, such as "data set".
        may_hold: Files, relative to it, that a later command of the product may have added.
        written_before: Tells a folder of this kind that was written before there were markers: gives the names,
            relative to it, of all files that belong to it, or None if it is not one beyond doubt.
    """

    name: str
    may_hold: Collection[str] = ()
    written_before: Callable[[Path], Collection[str] | None] = lambda _: None

    @property
    def with_article(self) -> str:
        """The name for use in a sentence."""
        return f"{'an' if self.name[0].lower() in 'aeiou' else 'a'} {self.name}"


def write_marker(folder: Path, kind: FolderKind, is_complete: bool) -> None:
    """Write the marker of a folder; it depends on kind and file names alone.

    Args:
        folder: The folder.
        kind: What it is.
        is_complete: Whether what it holds now is all that belongs to it, and is listed; not so of one that grows.
    """
    content: dict[str, object] = {"format": _FORMAT, "version": _VERSION, "kind": kind.name}
    if is_complete:
        content["files"] = sorted(name for name in _files_in(folder) if not _is_own(name))
    write_text(folder / MARKER, json.dumps(content, indent=0) + "\n")


def kind_at(folder: Path) -> str | None:
    """Return the name of the kind that a folder's marker states, None without a sound marker."""
    found = _read(folder)
    return None if found is None else found[0]


def foreign_in(folder: Path, kind: FolderKind) -> list[str] | None:
    """Return the files in a folder that do not belong to it, sorted; None if it is not a folder of that kind at all."""
    found = _read(folder)
    if found is not None and found[0] != kind.name:
        return None
    known = kind.written_before(folder) if found is None else found[1]
    if known is None:
        return None
    known = {*known, *kind.may_hold}
    return sorted(name for name in _files_in(folder) if name not in known and not _is_own(name))


def is_empty(folder: Path) -> bool:
    """Say whether a folder is missing, or holds nothing but locks, leftovers and what file browsers leave."""
    return not folder.exists() or all(_is_own(path.name) and path.name != MARKER for path in folder.iterdir())


def check_claimable(folder: Path, kind: FolderKind) -> None:
    """Check that a folder is new, or of a kind that grows from run to run, before time is spent.

    Raises:
        FetalFlexError: If it holds something else.
    """
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise FetalFlexError(f"{path} is a file; give a folder to write to")
    if is_empty(folder) or kind_at(folder) == kind.name:
        return
    if (other := kind_at(folder)) is not None:
        raise FetalFlexError(f"{folder} holds {_article(other)} {other}, not {kind.with_article}; give another folder")
    if kind.written_before(folder) is None:
        first = min(path.name for path in folder.iterdir())
        raise FetalFlexError(
            f"{folder} is not empty ({_plain(first)}) and is not {kind.with_article} that FetalFlex wrote; give a new "
            "folder"
        )


def claim(folder: Path, kind: FolderKind) -> None:
    """Mark a folder as one that grows from run to run; see `check_claimable`."""
    check_claimable(folder, kind)
    if kind_at(folder) is None:
        write_marker(folder, kind, is_complete=False)


def release_empty(folder: Path) -> None:
    """Take a claim back, and the folder with it, if nothing else was written there."""
    with contextlib.suppress(OSError):
        if [path.name for path in folder.iterdir()] == [MARKER]:
            (folder / MARKER).unlink()
            folder.rmdir()


def listed(names: Collection[str]) -> str:
    """Return the first few of some names as a text."""
    shown = [_plain(name) for name in sorted(names)[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _read(folder: Path) -> tuple[str, list[str] | None] | None:
    """Return kind and files of a marker; None if it is missing or damaged."""
    path = folder / MARKER
    try:
        if path.is_symlink() or path.stat().st_size > _LARGEST_MARKER:
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (_FORMAT, _VERSION):
        return None
    kind, files = content.get("kind"), content.get("files", [])
    if not isinstance(kind, str) or not isinstance(files, list) or not all(isinstance(name, str) for name in files):
        return None
    return kind, files


def _files_in(folder: Path) -> Iterator[str]:
    """Yield all that is not a folder, links to folders included, relative, with slashes; leftovers are passed over."""
    for root, folders, files in os.walk(folder):
        base = Path(root)
        links = [name for name in folders if (base / name).is_symlink()]
        folders[:] = [name for name in folders if name not in links and not is_leftover(Path(name))]
        yield from ((base / name).relative_to(folder).as_posix() for name in (*files, *links))


def _is_own(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last == MARKER or last in _OF_THE_SYSTEM or is_leftover(Path(last)) or is_lock(last)


def _article(name: str) -> str:
    return "an" if name[:1].lower() in "aeiou" else "a"


def _plain(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
