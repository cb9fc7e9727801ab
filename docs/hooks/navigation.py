"""Pages that are made at build time, put into the navigation of mkdocs.yml."""

from __future__ import annotations

from typing import Any


def filled(entries: Any, name: str, pages: list[str]) -> Any:
    """Return a navigation in which a list of pages stands in the place of a name.

    Args:
        entries: Navigation as MkDocs reads it: lists, dictionaries of titles, paths.
        name: The entry to replace.
        pages: Pages by path.
    """
    if entries == name:
        return pages
    if isinstance(entries, list):
        return [filled(entry, name, pages) for entry in entries]
    if isinstance(entries, dict):
        return {title: filled(entry, name, pages) for title, entry in entries.items()}
    return entries
