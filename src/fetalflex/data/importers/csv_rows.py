"""Rows of a CSV file by column name."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from fetalflex.data.importers.reading import read_text
from fetalflex.errors import FetalFlexError

_DELIMITERS = ",;\t"


def csv_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells of each row that is not empty; names and cells are stripped of spaces.

    Args:
        path: UTF-8 file whose first line names the columns, divided by commas, semicolons or tabs.
        required: Columns that must be there.

    Raises:
        FetalFlexError: If the file is unreadable or lacks a column.
    """
    lines = read_text(path).splitlines(keepends=True)
    header = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=max(_DELIMITERS, key=header.count))
    try:
        names = [name.strip() for name in next(reader, [])]
        for column in required:
            if column not in names:
                raise FetalFlexError(f"{path} has no column {column!r}; its columns are {', '.join(names) or 'none'}")
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, dict(zip(names, cells + [""] * len(names), strict=False))
    except csv.Error as error:
        raise FetalFlexError(f"{path} is no readable table: line {reader.line_num}: {error}") from error
