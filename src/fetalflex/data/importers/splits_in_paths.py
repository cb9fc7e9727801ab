"""Splits that folders are named after."""

from __future__ import annotations

_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of_folder(relative: str) -> str | None:
    """Return the split that one of a path's folders is named after, None if none or several are."""
    found = {_SPLIT_FOLDERS[part.lower()] for part in relative.split("/")[:-1] if part.lower() in _SPLIT_FOLDERS}
    return found.pop() if len(found) == 1 else None
