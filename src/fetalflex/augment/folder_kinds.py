"""Folders of augmentation, and how each kind is told where an earlier version wrote it, without a marker."""

from __future__ import annotations

import re
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind
from fetalflex.files.json_files import read_json

MANIFEST = "manifest.json"
MANIFEST_FORMAT = "fetalflex/augment-manifest"
SHARD_FILE = "shard.json"
SHARD_FORMAT = "fetalflex/augment-shard"
TIMING = "timing.json"
"""Seconds that the shard took: all that differs between two runs of the same plan."""

LARGEST_FILE = 100_000_000
"""Most bytes that are read of a JSON file of a set."""


_IMAGE = re.compile(r"[0-9]{6,}-[a-z0-9_]+-[a-z0-9_]+\.png")


def _is_set(folder: Path) -> set[str] | None:
    try:
        manifest = read_json(folder / MANIFEST, LARGEST_FILE)
    except FetalFlexError:
        return None
    return set() if isinstance(manifest, dict) and manifest.get("format") == MANIFEST_FORMAT else None


def _shard_names(folder: Path) -> set[str] | None:
    """Return the files of a shard by their names, since it is also told when its own file is damaged."""
    images = {path.name for path in folder.iterdir() if _IMAGE.fullmatch(path.name)}
    return {SHARD_FILE, TIMING, *images} if images or (folder / SHARD_FILE).is_file() else None


AUGMENTED_SET = FolderKind("augmented data set", written_before=_is_set)
SHARD = FolderKind("shard", written_before=_shard_names)
