"""Rows of a CSV file by column name."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from fetalflex.data.importers.reading import read_lines
from fetalflex.data.limits import MAX_COLUMNS, MAX_ROWS
from fetalflex.errors import FetalFlexError

_DELIMITERS = ",;\t"
_SEPARATOR_LINE = re.compile(r"sep=(.|\\t)", re.IGNORECASE)


def csv_rows(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells of each row that is not empty; names and cells are stripped of spaces.

    Args:
        path: UTF-8 file whose first line names the columns, divided by commas, semicolons or tabs.
        required: Columns that must be there.

    Raises:
        FetalFlexError: If the file is unreadable or lacks a column.
    """
    lines, delimiter = divided_lines(path, _DELIMITERS)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        names = [name.strip() for name in next(reader, [])]
        check_columns(len(names), path)
        for column in required:
            if column not in names:
                raise FetalFlexError(f"{path} has no column {column!r}; its columns are {', '.join(names) or 'none'}")
        twice = [name for name, count in Counter(names).items() if name and count > 1]
        if twice:
            raise FetalFlexError(f"{path} has two columns {twice[0]!r}; rename one")
        for row in reader:
            cells = [cell.strip() for cell in row]
            if reader.line_num > MAX_ROWS:
                raise FetalFlexError(f"{path} has more than {MAX_ROWS:,} rows; divide it")
            if any(cells):
                check_columns(len(cells), path)
                yield reader.line_num, dict(zip(names, cells + [""] * len(names), strict=False))
    except csv.Error as error:
        raise FetalFlexError(f"{path} is no readable table: line {reader.line_num}: {error}") from error


def divided_lines(path: Path, delimiters: str) -> tuple[list[str], str]:
    """Return the lines of a text table and what divides their cells.

    A first line such as "sep=;", as Excel writes it, says so and becomes empty; else the header's commonest of
    `delimiters` does.

    Raises:
        FetalFlexError: If the file is unreadable.
    """
    lines = read_lines(path, keepends=True)
    if lines and (match := _SEPARATOR_LINE.fullmatch(lines[0].strip())):
        return ["\n", *lines[1:]] if len(lines) > 1 else [], match.group(1).replace("\\t", "\t")
    header = next((line for line in lines if line.strip()), "")
    return lines, max(delimiters, key=header.count)


def check_columns(count: int, path: Path) -> None:
    """Check that a row has no more cells than are read, or raise FetalFlexError."""
    if count > MAX_COLUMNS:
        raise FetalFlexError(f"{path} has {count:,} columns; at most {MAX_COLUMNS} are read, so drop the others")
