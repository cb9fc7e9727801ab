"""Tables: CSV or XLSX with one row for each box."""

from __future__ import annotations

import contextlib
import csv
import posixpath
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from defusedxml.ElementTree import fromstring

from fetalflex.anatomy.box import Box
from fetalflex.checks import shown
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.csv_rows import check_columns, divided_lines
from fetalflex.data.importers.image_names import Match, Reference
from fetalflex.data.importers.numbers import Decimal, decimal_of, number
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.importers.units import Form, doubt_about_form, quad_box, scale_of
from fetalflex.data.limits import MAX_CELLS, MAX_ROWS, MAX_SHEETS, MAX_SPREADSHEET_TAGS, MAX_TEXT_BYTES
from fetalflex.data.records import SPLITS
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import SYNTHETIC, mark_of_fields

_DELIMITERS = ",;\t|"
_CORNERS = ("x0", "y0", "x1", "y1")
_FORM_NAMES: dict[tuple[str, str, str, str], Form] = {
    _CORNERS: "corners",
    ("x", "y", "width", "height"): "size",
    ("cx", "cy", "width", "height"): "centre",
}
_IMAGE_FIELDS = ("plane", "patient", "source", "split", "pixel_spacing_mm")
_FIELDS = (
    "file",
    "label",
    *dict.fromkeys(field for form in _FORM_NAMES for field in form),
    "angle",
    SYNTHETIC,
    *_IMAGE_FIELDS,
)
_SHORT = {"w": "width", "h": "height"}

Row = Sequence[Any]


class TableImporter:
    """Read tables whose first row names the columns.

    `ImportOptions.columns` says which column holds which field: `file` and `label`; the box as `x0, y0, x1, y1`
    (edges), `x, y, width, height` (top left corner and size) or `cx, cy, width, height` (centre and size; `w` and `h`
    will do); and, if there, `angle` (degrees clockwise), `plane`, `patient`, `source`, `split` and `pixel_spacing_mm`.
    An image is synthetic if a column `synthetic` says so in one of its rows.
    A field that is not listed is looked for in a column of its own name. Coordinates are pixels, or what the option
    `box_unit` says. Numbers may have a decimal comma where that is plain. File names may lack their ending. Of an XLSX
    file the first sheet with these columns is read.
    """

    name = "table"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        tables: list[tuple[Path, _Table]] = []
        refusals: list[Finding] = []
        for path in place.readable(place.annotation_files([".csv", ".tsv", ".xlsx"])):
            if isinstance(path, Finding):
                refusals.append(path)
                continue
            try:
                tables.append((path, _read_table(path, options)))
            except FetalFlexError as error:
                refusals.append(place.refusal(path, error))
        if not tables:
            raise FetalFlexError(f"{source} holds no usable table; {refusals[0].where}: {refusals[0].reason}")
        yield from refusals
        groups: list[tuple[Path, _Table, str, list[int]]] = []
        for path, table in tables:
            named, nameless = table.rows_by_file()
            yield from (Finding(f"{place.name(path)} row {row}", "the row names no file") for row in nameless)
            groups += [(path, table, file, rows) for file, rows in _joined(named)]
        references = [
            Reference(file, f"{place.name(path)} row {rows[0]}", path.parent) for path, _, file, rows in groups
        ]
        for (path, table, file, rows), match in zip(groups, place.match(references), strict=True):
            try:
                if isinstance(match, FetalFlexError):
                    raise match
                yield from _read_image(place, path, table, match, rows, options)
            except FetalFlexError as error:
                yield place.refusal(path, error, f"rows of {file}, first {rows[0]}")
        yield from place.unclaimed()


@dataclass(frozen=True)
class _Table:
    """The rows below the header by row number, and the column index of each field."""

    rows: Mapping[int, Row]
    columns: Mapping[str, int]
    form: tuple[str, str, str, str]
    decimal: Decimal | None = None

    def says_synthetic(self, row: int) -> bool:
        """Say whether a row calls its image synthetic."""
        return mark_of_fields({SYNTHETIC: self.text(row, SYNTHETIC)}) is not None

    def rows_by_file(self) -> tuple[dict[str, list[int]], list[int]]:
        """Return the rows of each file name, and the rows without one."""
        named: dict[str, list[int]] = {}
        nameless = []
        for row in self.rows:
            file = self.text(row, "file")
            if file is None:
                nameless.append(row)
            else:
                named.setdefault(file, []).append(row)
        return named, nameless

    def number(self, row: int, field: str) -> float:
        """Return a cell as a number, or raise FetalFlexError."""
        return number(self.cell(row, field), field, self.decimal)

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
    for filled in _sheets(path):
        if not filled:
            continue
        header = filled.pop(min(filled))
        try:
            columns, form = _columns([str(cell).strip() if cell is not None else "" for cell in header], options)
        except FetalFlexError as error:
            reason = reason or error
            continue
        numeric = [columns[field] for field in (*form, "angle", "pixel_spacing_mm") if field in columns]
        decimal = decimal_of(row[column] for row in filled.values() for column in numeric if column < len(row))
        return _Table(filled, columns, form, decimal)
    raise reason or FetalFlexError(f"{path} is empty")


def _joined(named: dict[str, list[int]]) -> Iterator[tuple[str, list[int]]]:
    """Yield file names with their rows; spellings of one name, as "a.png" and "./a.png", come together."""
    by_meaning: dict[str, tuple[str, list[int]]] = {}
    for file, rows in named.items():
        meant = posixpath.normpath(unicodedata.normalize("NFC", file.replace("\\", "/")))
        by_meaning.setdefault(meant, (file, []))[1].extend(rows)
    yield from by_meaning.values()


def _sheets(path: Path) -> Iterator[dict[int, Row]]:
    """Yield the rows of each sheet that are not empty, by number."""
    if path.suffix.lower() == ".xlsx":
        yield from _xlsx_sheets(path)
        return
    lines, delimiter = divided_lines(path, _DELIMITERS)
    try:
        yield _limited(csv.reader(lines, delimiter=delimiter), path)
    except csv.Error as error:
        raise FetalFlexError(f"{path} is no readable table: {error}") from error


def _xlsx_sheets(path: Path) -> Iterator[dict[int, Row]]:
    import warnings

    from openpyxl import load_workbook

    _check_archive(path)
    try:
        # Opened here, since the reader leaves a file that it cannot read open.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about spreadsheet features that do not matter here
            workbook = load_workbook(file, read_only=True, data_only=True)
            try:
                for sheet in workbook.worksheets:
                    sheet.reset_dimensions()  # what the file states may be any size
                    yield _limited(sheet.iter_rows(values_only=True), path)
            finally:
                workbook.close()
    except FetalFlexError:
        raise
    except Exception as error:  # the reader fails in many ways on damaged files
        raise FetalFlexError(f"{path} is no readable XLSX file: {error or type(error).__name__}") from error


def _check_archive(path: Path) -> None:
    """Check that the parts of a spreadsheet are of bearable size before any is parsed."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            unpacked = sum(entry.file_size for entry in entries)
            if unpacked > MAX_TEXT_BYTES:
                raise FetalFlexError(f"{path} unpacks to {unpacked:,} bytes; at most {MAX_TEXT_BYTES:,} are read")
            tags = 0
            for entry in entries:
                with archive.open(entry) as part:
                    while block := part.read(2**20):
                        tags += block.count(b"<")
                        if tags > MAX_SPREADSHEET_TAGS:
                            raise FetalFlexError(
                                f"{path} has more than {MAX_SPREADSHEET_TAGS:,} tags, the most that are read; divide it"
                            )
            _check_sheets(archive, path)
    except FetalFlexError:
        raise
    except Exception as error:  # archives can be damaged in many ways
        raise FetalFlexError(f"{path} is no readable XLSX file: {error or type(error).__name__}") from error


def _check_sheets(archive: zipfile.ZipFile, path: Path) -> None:
    """Check that a spreadsheet has few sheets, each in a part of its own: the reader looks through all at once."""
    for name in archive.namelist():
        if posixpath.basename(name) != "workbook.xml":
            continue
        keys = [
            next((value for key, value in sheet.attrib.items() if key.endswith("}id")), None)
            for sheet in fromstring(archive.read(name)).iter()
            if sheet.tag.endswith("}sheet")
        ]
        if len(keys) > MAX_SHEETS:
            raise FetalFlexError(f"{path} has {len(keys)} sheets; at most {MAX_SHEETS} are read, so drop the others")
        folder, base = posixpath.split(name)
        relations = posixpath.join(folder, "_rels", f"{base}.rels")
        entries = fromstring(archive.read(relations)).iter() if relations in archive.namelist() else ()
        targets = {one.get("Id"): posixpath.basename(one.get("Target", "")) for one in entries}
        used = [targets.get(key, key) for key in keys]
        if len(set(used)) < len(used):
            raise FetalFlexError(f"{path} has several sheets that are one part of it; save it anew")


def _limited(rows: Iterable[Row], path: Path) -> dict[int, Row]:
    """Return the rows that are not empty by number, without empty cells at their ends."""
    taken: dict[int, Row] = {}
    cells = 0
    for index, row in enumerate(rows, start=1):
        if index > MAX_ROWS:
            raise FetalFlexError(f"{path} has more than {MAX_ROWS:,} rows; divide it")
        length = len(row)
        while length and row[length - 1] in (None, ""):
            length -= 1
        if not length:
            continue
        check_columns(length, path)
        cells += length
        if cells > MAX_CELLS:
            raise FetalFlexError(f"{path} has more than {MAX_CELLS:,} cells; divide it")
        taken[index] = row if length == len(row) else row[:length]
    return taken


def _columns(header: list[str], options: ImportOptions) -> tuple[dict[str, int], tuple[str, str, str, str]]:
    """Return the column index of each field, and which of the box forms the table has."""
    wanted = {_SHORT.get(field, field): column for field, column in options.columns.items()}
    for field, column in wanted.items():
        if field not in _FIELDS:
            raise FetalFlexError(f"columns names the field {field!r}; fields are {', '.join(_FIELDS)}")
        if column not in header:
            raise FetalFlexError(f"there is no column {column!r} for {field}; the columns are {', '.join(header)}")
    counts = Counter(_SHORT.get(name.lower(), name.lower()) for name in header)
    for field in _FIELDS:
        if counts[field] > 1 and field not in wanted:
            raise FetalFlexError(f"two columns are for {field}; say which with the option columns, or rename one")
    for column in wanted.values():
        if header.count(column) > 1:
            raise FetalFlexError(f"there are two columns {column!r}; rename one")
    own_names = {_SHORT.get(name.lower(), name.lower()): index for index, name in reversed(list(enumerate(header)))}
    columns = {field: index for field, index in own_names.items() if field in _FIELDS}
    columns |= {field: header.index(column) for field, column in wanted.items()}
    for field in ("file", "label"):
        if field not in columns:
            raise FetalFlexError(
                f"no column for {field!r}; the columns are {', '.join(header)}; say which with the option columns"
            )
    forms = [form for form in _FORM_NAMES if all(field in columns for field in form)]
    if not forms:
        ways = " or ".join(", ".join(form) for form in _FORM_NAMES)
        raise FetalFlexError(f"no columns for a box ({ways}); the columns are {', '.join(header)}")
    return columns, max(forms, key=lambda form: sum(field in wanted for field in form))


def _read_image(
    place: Source, path: Path, table: _Table, match: Match, rows: list[int], options: ImportOptions
) -> Iterator[ImportedItem | Finding]:
    first = rows[0]
    spacing = table.cell(first, "pixel_spacing_mm")
    split = table.text(first, "split")
    if split is not None and split not in SPLITS:
        raise FetalFlexError(f"split is {shown(split)}; it must be one of {', '.join(SPLITS)}")
    builder = place.builder(
        match,
        plane=table.text(first, "plane"),
        pixel_spacing_mm=None if spacing is None else table.number(first, "pixel_spacing_mm"),
        unit=options.unit_or("pixels"),
    )
    size = builder.width, builder.height
    scale = scale_of(options.unit_or("pixels"), size)
    doubt = _doubt(table, rows, scale, size, options)
    for row in rows:
        where = f"{place.name(path)} row {row}"
        label = table.text(row, "label")
        other = next((field for field in _IMAGE_FIELDS if table.text(row, field) != table.text(first, field)), None)
        if label is None:
            builder.refuse(where, "the row has no label")
        elif other is not None:
            builder.refuse(where, f"{other} is not that of row {first}, which is about the same image")
        else:
            builder.add_made(label, partial(_box, table, row, scale, size, options, doubt), where)
    yield from builder.finish(
        table.text(first, "patient"),
        table.text(first, "source"),
        split or split_of_folder(place.name(match.image)),
        extra={SYNTHETIC: True} if any(map(table.says_synthetic, rows)) else None,
    )


def _doubt(
    table: _Table, rows: list[int], scale: tuple[float, float], size: tuple[int, int], options: ImportOptions
) -> str | None:
    """Return what to say if an image's boxes contradict the columns."""
    form = _FORM_NAMES[table.form]
    if options.box_form is not None or form == "corners":
        return None
    quads = []
    for row in rows:
        with contextlib.suppress(FetalFlexError):
            if table.cell(row, "angle") is None:
                quads.append([table.number(row, field) for field in table.form])
    return doubt_about_form(((quad, (size[0] / scale[0], size[1] / scale[1])) for quad in quads), form)


def _check_sides(table: _Table, row: int, allowed: Sequence[tuple[float, float]]) -> None:
    """Check that `width` and `height` beside corners are those of the box or of the image, if they are there.

    Tables of this kind often hold the image's size, which tells whether the picture was scaled since.
    """
    try:
        sides = table.number(row, "width"), table.number(row, "height")
    except FetalFlexError:
        return
    if not any(all(abs(one - other) <= 1 for one, other in zip(sides, pair, strict=True)) for pair in allowed):
        (width, height), (image_width, image_height) = allowed
        raise FetalFlexError(
            f"width and height are {sides[0]:g} x {sides[1]:g}; the box has {width:g} x {height:g}, the image "
            f"{image_width:g} x {image_height:g}, so the box may be for the image at another size"
        )


def _box(
    table: _Table,
    row: int,
    scale: tuple[float, float],
    size: tuple[int, int],
    options: ImportOptions,
    doubt: str | None,
) -> Box:
    a, b, c, d = (table.number(row, field) for field in table.form)
    if doubt is not None:
        raise FetalFlexError(doubt)
    sx, sy = scale
    first = options.first_pixel
    if first and table.form == _CORNERS:
        if min(a, b) < first:
            raise FetalFlexError(f"x0 or y0 is {min(a, b):g}, but the first pixel is said to be {first}")
        a, b = a - first, b - first
    if table.form == _CORNERS:
        _check_sides(table, row, ((c - a, d - b), size))
    box = quad_box([a * sx, b * sy, c * sx, d * sy], options.form_or(_FORM_NAMES[table.form]))
    return box if table.cell(row, "angle") is None else box.rotated(table.number(row, "angle"))
