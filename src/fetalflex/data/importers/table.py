"""Tables: CSV or XLSX with one row for each box."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.checks import shown
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.reading import MAX_TEXT_BYTES, number, read_text
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.records import SPLITS
from fetalflex.errors import FetalFlexError

_MAX_ROWS = 1_000_000
_DELIMITERS = ",;\t|"
_BOX_FORMS: dict[tuple[str, str, str, str], Callable[[float, float, float, float], Box]] = {
    ("x0", "y0", "x1", "y1"): Box.from_corners,
    ("x", "y", "width", "height"): Box.from_xywh,
    ("cx", "cy", "width", "height"): Box.from_centre,
}
_IMAGE_FIELDS = ("plane", "patient", "source", "split", "pixel_spacing_mm")
_FIELDS = ("file", "label", *dict.fromkeys(field for form in _BOX_FORMS for field in form), "angle", *_IMAGE_FIELDS)
_SHORT = {"w": "width", "h": "height"}

Row = Sequence[Any]


class TableImporter:
    """Read tables whose first row names the columns.

    `ImportOptions.columns` says which column holds which field: `file` and `label`; the box as `x0, y0, x1, y1`
    (edges), `x, y, width, height` (top left corner and size) or `cx, cy, width, height` (centre and size; `w` and `h`
    will do); and, if there, `angle` (degrees clockwise), `plane`, `patient`, `source`, `split` and `pixel_spacing_mm`.
    A field that is not listed is looked for in a column of its own name. Coordinates are pixels, or fractions of the
    image with the option `fractional`. File names may lack their ending. Of an XLSX file the first sheet with these
    columns is read.
    """

    name = "table"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        tables: list[tuple[Path, _Table]] = []
        refusals: list[Refusal] = []
        for path in place.annotation_files([".csv", ".tsv", ".xlsx"]):
            try:
                tables.append((path, _read_table(path, options)))
            except FetalFlexError as error:
                refusals.append(place.refusal(path, error))
        if not tables:
            raise FetalFlexError(f"{source} holds no usable table; {refusals[0].where}: {refusals[0].reason}")
        yield from refusals
        for path, table in tables:
            yield from _read_images(place, path, table, options)
        yield from place.unclaimed()


@dataclass(frozen=True)
class _Table:
    """Hold the rows below the header by row number, and the column index of each field."""

    rows: Mapping[int, Row]
    columns: Mapping[str, int]
    form: tuple[str, str, str, str]

    def cell(self, row: int, field: str) -> Any:
        """Return a cell; None where the row or the table has none."""
        column = self.columns.get(field)
        cells = self.rows[row]
        value = cells[column] if column is not None and column < len(cells) else None
        return None if isinstance(value, str) and not value.strip() else value

    def text(self, row: int, field: str) -> str | None:
        """Return a cell as text; whole numbers lose the ".0" that spreadsheets give them."""
        value = self.cell(row, field)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return None if value is None else str(value).strip()


def _read_table(path: Path, options: ImportOptions) -> _Table:
    reason: FetalFlexError | None = None
    for rows in _sheets(path):
        filled = {index: row for index, row in enumerate(rows, start=1) if any(cell not in (None, "") for cell in row)}
        if not filled:
            continue
        header = filled.pop(min(filled))
        try:
            columns, form = _columns([str(cell).strip() if cell is not None else "" for cell in header], options)
        except FetalFlexError as error:
            reason = reason or error
            continue
        return _Table(filled, columns, form)
    raise reason or FetalFlexError(f"{path} is empty")


def _sheets(path: Path) -> Iterator[list[Row]]:
    """Yield the rows of each sheet."""
    if path.suffix.lower() == ".xlsx":
        yield from _xlsx_sheets(path)
        return
    lines = read_text(path).splitlines(keepends=True)
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(_DELIMITERS, key=first.count)
    try:
        yield _limited(csv.reader(lines, delimiter=delimiter), path)
    except csv.Error as error:
        raise FetalFlexError(f"{path} is no readable table: {error}") from error


def _xlsx_sheets(path: Path) -> Iterator[list[Row]]:
    import warnings

    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > MAX_TEXT_BYTES:
            raise FetalFlexError(f"{path} unpacks to {unpacked:,} bytes; at most {MAX_TEXT_BYTES:,} are read")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spreadsheet features that do not matter here
            workbook = load_workbook(path, read_only=True, data_only=True)
            try:
                sheets = [_limited(sheet.iter_rows(values_only=True), path) for sheet in workbook.worksheets]
            finally:
                workbook.close()
    except FetalFlexError:
        raise
    except Exception as error:  # the reader fails in many ways on damaged files
        raise FetalFlexError(f"{path} is no readable XLSX file: {error or type(error).__name__}") from error
    yield from sheets


def _limited(rows: Iterable[Row], path: Path) -> list[Row]:
    taken = list(islice(rows, _MAX_ROWS + 1))
    if len(taken) > _MAX_ROWS:
        raise FetalFlexError(f"{path} has more than {_MAX_ROWS:,} rows; divide it")
    return taken


def _columns(header: list[str], options: ImportOptions) -> tuple[dict[str, int], tuple[str, str, str, str]]:
    """Return the column index of each field, and which of the box forms the table has."""
    wanted = {_SHORT.get(field, field): column for field, column in options.columns.items()}
    for field, column in wanted.items():
        if field not in _FIELDS:
            raise FetalFlexError(f"columns names the field {field!r}; fields are {', '.join(_FIELDS)}")
        if column not in header:
            raise FetalFlexError(f"there is no column {column!r} for {field}; the columns are {', '.join(header)}")
    own_names = {_SHORT.get(name.lower(), name.lower()): index for index, name in reversed(list(enumerate(header)))}
    columns = {field: index for field, index in own_names.items() if field in _FIELDS}
    columns |= {field: header.index(column) for field, column in wanted.items()}
    for field in ("file", "label"):
        if field not in columns:
            raise FetalFlexError(
                f"no column for {field!r}; the columns are {', '.join(header)}; say which with the option columns"
            )
    forms = [form for form in _BOX_FORMS if all(field in columns for field in form)]
    if not forms:
        ways = " or ".join(", ".join(form) for form in _BOX_FORMS)
        raise FetalFlexError(f"no columns for a box ({ways}); the columns are {', '.join(header)}")
    return columns, max(forms, key=lambda form: sum(field in wanted for field in form))


def _read_images(place: Source, path: Path, table: _Table, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
    by_file: dict[str, list[int]] = {}
    for row in table.rows:
        file = table.text(row, "file")
        if file is None:
            yield Refusal(f"{place.name(path)} row {row}", "the row names no file")
        else:
            by_file.setdefault(file, []).append(row)
    for file, rows in by_file.items():
        try:
            yield from _read_image(place, path, table, file, rows, options)
        except FetalFlexError as error:
            yield place.refusal(path, error, f"rows of {file}, first {rows[0]}")


def _read_image(
    place: Source, path: Path, table: _Table, file: str, rows: list[int], options: ImportOptions
) -> Iterator[ImportedItem | Refusal]:
    first = rows[0]
    spacing = table.cell(first, "pixel_spacing_mm")
    split = table.text(first, "split")
    if split is not None and split not in SPLITS:
        raise FetalFlexError(f"split is {shown(split)}; it must be one of {', '.join(SPLITS)}")
    image = place.claim(file, path.parent)
    builder = place.builder(
        image,
        plane=table.text(first, "plane"),
        pixel_spacing_mm=None if spacing is None else number(spacing, "pixel_spacing_mm"),
    )
    scale = (builder.width, builder.height) if options.fractional else (1, 1)
    for row in rows:
        where = f"{place.name(path)} row {row}"
        label = table.text(row, "label")
        other = next((field for field in _IMAGE_FIELDS if table.text(row, field) != table.text(first, field)), None)
        if label is None:
            builder.refuse(where, "the row has no label")
        elif other is not None:
            builder.refuse(where, f"{other} is not that of row {first}, which is about the same image")
        else:
            builder.add_made(label, partial(_box, table, row, scale), where)
    yield from builder.finish(
        table.text(first, "patient"),
        table.text(first, "source"),
        split or split_of_folder(place.name(image)),
    )


def _box(table: _Table, row: int, scale: tuple[float, float]) -> Box:
    values = [number(table.cell(row, field), field) for field in table.form]
    scale_x, scale_y = scale
    box = _BOX_FORMS[table.form](values[0] * scale_x, values[1] * scale_y, values[2] * scale_x, values[3] * scale_y)
    angle = table.cell(row, "angle")
    return box if angle is None else box.rotated(number(angle, "angle"))
