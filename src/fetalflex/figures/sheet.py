"""Draw a labelled sheet of pictures for people to look at: columns with titles, rows with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fetalflex.figures.style import (
    FAINT_INK,
    FRAME,
    GAP,
    INK,
    WARNING,
    Colour,
    Font,
    broken_lines,
    draw_lines,
    font,
    line_height,
    new_paper,
)


@dataclass(frozen=True)
class Column:
    """What stands below each other.

    Args:
        title: Above the column; it is broken into lines.
        pictures: One per row, each (h, w, 3) uint8 and of the same size everywhere; the first None of a sheet is the
            place of the legend, others stay empty.
    """

    title: str
    pictures: tuple[NDArray[np.uint8] | None, ...]


@dataclass(frozen=True)
class Sheet:
    """The content of a sheet.

    Args:
        title: Large, at the top.
        subtitle: Small, below it.
        row_labels: One per row.
        columns: From left to right, each with a picture per row.
        legend: Colour and name of what the pictures mark; it stands where the first picture is missing.
        footer: At the bottom, in a colour that is seen.
        note: Below the footer, small.
    """

    title: str
    subtitle: str
    row_labels: tuple[str, ...]
    columns: tuple[Column, ...]
    legend: tuple[tuple[Colour, str], ...]
    footer: str
    note: str


def draw_sheet(sheet: Sheet) -> NDArray[np.uint8]:
    """Return the sheet as a picture, (H, W, 3) uint8."""
    height, width = next(p.shape[:2] for column in sheet.columns for p in column.pictures if p is not None)
    large, middle, small = (font(size) for size in (30, 19, 16))
    titles = [broken_lines(column.title, middle, width) for column in sheet.columns]
    left = 2 * GAP + line_height(small)
    right = left + len(sheet.columns) * (width + GAP)
    title_end = GAP + line_height(large) + line_height(small)
    top = title_end + max(map(len, titles)) * line_height(middle) + 2 * GAP
    bottom = top + len(sheet.row_labels) * (height + GAP)
    notes = broken_lines(sheet.note, small, right - left - GAP)
    end = bottom + line_height(middle) + len(notes) * line_height(small) + GAP

    paper = new_paper(right, end)
    pen = ImageDraw.Draw(paper)
    pen.text((left, GAP), sheet.title, fill=INK, font=large)
    pen.text((left, GAP + line_height(large)), sheet.subtitle, fill=FAINT_INK, font=small)
    for row, label in enumerate(sheet.row_labels):
        _write_upwards(paper, label, small, (GAP, top + row * (height + GAP)), height)
    legend = sheet.legend
    for number, (column, lines) in enumerate(zip(sheet.columns, titles, strict=True)):
        x = left + number * (width + GAP)
        draw_lines(pen, lines, middle, (x, top - GAP // 2 - len(lines) * line_height(middle)), INK)
        for row, picture in enumerate(column.pictures):
            place = x, top + row * (height + GAP)
            if picture is None:
                _write_legend(pen, legend, place, height)
                legend = ()
            else:
                paper.paste(Image.fromarray(picture), place)
    pen.text((left, bottom), sheet.footer, fill=WARNING, font=middle)
    draw_lines(pen, notes, small, (left, bottom + line_height(middle)), FAINT_INK)
    return np.asarray(paper)


def _write_legend(
    pen: ImageDraw.ImageDraw, entries: Sequence[tuple[Colour, str]], place: tuple[int, int], height: int
) -> None:
    step = min(24, height // max(1, len(entries)))
    used = font(max(8, min(17, int(step / 1.3))))
    for number, (colour, name) in enumerate(entries):
        x, middle = place[0], place[1] + number * step + step // 2
        half = min(5, step // 3)
        pen.rectangle((x + 2, middle - half, x + 18, middle + half), fill=colour, outline=FRAME)
        pen.text((x + 28, middle), name, fill=INK, font=used, anchor="lm")


def _write_upwards(paper: Image.Image, text: str, used: Font, place: tuple[int, int], length: int) -> None:
    """Write text that is read from below, in the middle of `length` pixels below `place`."""
    strip = new_paper(length, line_height(used))
    ImageDraw.Draw(strip).text((length / 2, 0), text, fill=FAINT_INK, font=used, anchor="ma")
    paper.paste(strip.rotate(90, expand=True), place)
