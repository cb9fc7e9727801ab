"""JSON annotations from outside: larger than our own files, read as strictly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fetalflex.files.json_files import parse_json, read_json

MAX_ANNOTATION_BYTES = 512_000_000


def read_annotation_json(path: Path) -> Any:
    """Return the value in a JSON file of at most 512 MB, or raise FetalFlexError that names the file."""
    return read_json(path, MAX_ANNOTATION_BYTES)


def parse_annotation_json(text: str | bytes, what: str) -> Any:
    """Return the value of a JSON text of at most 512 MB, or raise FetalFlexError that names `what`."""
    return parse_json(text, what, MAX_ANNOTATION_BYTES)
