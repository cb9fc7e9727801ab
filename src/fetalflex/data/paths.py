"""Paths that come from data and are therefore not trusted."""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePosixPath, PureWindowsPath

from fetalflex.errors import FetalFlexError


def safe_relative(text: str) -> PurePosixPath:
    """Return a path that the data give, as a relative path that names a file and climbs nowhere.

    Args:
        text: Path with slashes or backslashes.

    Raises:
        FetalFlexError: If the path is empty, absolute, or holds "..".
    """
    slashed = text.replace("\\", "/")
    path = PurePosixPath(slashed)
    if not slashed.strip() or "\0" in slashed or path == PurePosixPath("."):
        raise FetalFlexError(f"{text!r} is no file name")
    if path.is_absolute() or PureWindowsPath(slashed).drive or ".." in path.parts:
        raise FetalFlexError(f"{text!r} leads out of its folder; give a relative path without '..'")
    return path


def inside(root: Path, relative: str) -> Path:
    """Return the path of a file inside a folder, whether it exists or not.

    Args:
        root: Folder that the path must not leave, not even through a symbolic link.
        relative: Path as the data give it; slashes or backslashes.

    Raises:
        FetalFlexError: If the path is no safe relative path or leads outside the folder.
    """
    path = root / safe_relative(relative)
    try:
        is_inside = path.resolve().is_relative_to(root.resolve())
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.lstat()  # fails on names that no disk can hold
    except (OSError, RuntimeError, UnicodeError) as error:
        raise FetalFlexError(f"{relative!r} cannot be followed: {error}") from error
    if not is_inside:
        raise FetalFlexError(
            f"{relative!r} is a link that leads outside {root.name or root}; put the file itself there"
        )
    return path
