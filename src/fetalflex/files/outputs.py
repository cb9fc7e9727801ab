"""Check files that a command is going to write, before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.files.leftovers import remove_leftovers


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path], force: bool) -> None:
    """Check that files can be written without harm, before anything is computed.

    What killed processes have left in their folders is removed.

    Args:
        outputs: Files to write.
        inputs: Files that the command reads; they are never replaced.
        force: Allow replacing other files.

    Raises:
        FetalFlexError: If a folder is a file or a file is a folder, two outputs are one file, an output is an input,
            or it is there and `force` is not set.
    """
    for folder in {path.parent for path in outputs}:
        if folder.exists() and not folder.is_dir():
            raise FetalFlexError(f"{folder} is a file; give a folder to write to")
        remove_leftovers(folder)
    check_not_read(outputs, inputs)
    taken: set[Path] = set()
    for path in outputs:
        if path.is_dir():
            raise FetalFlexError(f"{path} is a folder; give another name for the file to write")
        if path.resolve() in taken:
            raise FetalFlexError(f"{path} would be written twice; give the files different names")
        taken.add(path.resolve())
    existing = [path for path in outputs if os.path.lexists(path)]  # a link to nothing is somebody's, too
    if existing and not force:
        others = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise FetalFlexError(f"{existing[0]} is already there{others}; write somewhere else, or pass --force")


def check_not_read(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raise a FetalFlexError if a file that is to be written is one that the command reads."""
    sources = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in sources:
            raise FetalFlexError(f"{path} is read by this command and would be replaced; write somewhere else")


def check_not_inside(inputs: Sequence[Path], folder: Path) -> None:
    """Raise a FetalFlexError if a folder that is to be replaced holds, or is, something that the command reads."""
    for path in inputs:
        if folder.resolve() in (path.resolve(), *path.resolve().parents):
            raise FetalFlexError(f"{path} is read by this command and would be replaced with {folder}; write elsewhere")
