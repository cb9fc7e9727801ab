"""The manifest of a study: a CSV or JSONL file with a row for each image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fetalflex.checks import mapping_with_keys, shown, text
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping

SUFFIXES = (".csv", ".jsonl")
REQUIRED, OPTIONAL = ("image", "method"), ("plane", "case", "synthetic")

_YES, _NO = frozenset({"true", "yes", "1", "synthetic"}), frozenset({"false", "no", "0", "real"})
_MOST_BYTES = 64 * 2**20
_LONGEST_LINE = 100_000


@dataclass(frozen=True)
class Row:
    """What a row says of an image; None where it says nothing.

    Args:
        where: File and line, for messages.
        image: Path of the image.
        method: What made it.
        plane: Its plane, as written.
        case: What images by several methods share if they show the same.
        synthetic: Whether it is.
    """

    where: str
    image: Path
    method: str
    plane: str | None
    case: str | None
    synthetic: bool | None


def read_manifest(path: Path) -> list[Row]:
    """Return the rows of a manifest.

    Args:
        path: CSV with a header, or JSONL with an object a line. Columns or keys: `image` (relative to the manifest's
            folder) and `method`; and, where known, `plane`, `case` and `synthetic` (true or false).

    Raises:
        FetalFlexError: If the file is missing or damaged, a column is missing or unknown, or a value is wrong; the
            message names the line.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise FetalFlexError(f"{path} is no manifest; give a file that ends in {' or '.join(SUFFIXES)}")
    lines = _csv_lines(path) if path.suffix.lower() == ".csv" else _json_lines(path)
    rows = [_row(values, where, path.parent) for where, values in lines]
    if not rows:
        raise FetalFlexError(f"{path} names no image; give a row for each, with {', '.join(REQUIRED)}")
    return rows


def _csv_lines(path: Path) -> Iterator[tuple[str, JsonMapping]]:
    from fetalflex.data.importers.csv_rows import csv_rows

    for number, cells in csv_rows(path, REQUIRED):
        yield f"{path} line {number}", {name: cell or None for name, cell in cells.items()}


def _json_lines(path: Path) -> Iterator[tuple[str, JsonMapping]]:
    from fetalflex.files.json_files import parse_json

    try:
        if path.stat().st_size > _MOST_BYTES:
            raise FetalFlexError(f"{path} has more than {_MOST_BYTES:,} bytes, so it is no manifest; divide it")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield f"{path} line {number}", parse_json(line, f"{path} line {number}", _LONGEST_LINE)


def _row(values: object, where: str, folder: Path) -> Row:
    given = mapping_with_keys(values, where, REQUIRED, OPTIONAL)
    known = {name: None if given.get(name) is None else given[name] for name in OPTIONAL}
    return Row(
        where,
        folder / text(given["image"], f"{where}: image").strip(),
        text(given["method"], f"{where}: method").strip(),
        None if known["plane"] is None else text(known["plane"], f"{where}: plane").strip(),
        None if known["case"] is None else text(known["case"], f"{where}: case").strip(),
        _truth(known["synthetic"], where),
    )


def _truth(value: object, where: str) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    word = str(value).strip().casefold()
    if word in _YES | _NO:
        return word in _YES
    raise FetalFlexError(f"{where}: synthetic must be true or false, got {shown(value)}")
