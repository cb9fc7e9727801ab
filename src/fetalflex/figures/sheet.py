"""Draw a labelled sheet of pictures for people to look at: columns with titles, rows with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

NOTICE = "Synthetic images, research and education only, not for diagnosis"
"""What nobody may miss; at the bottom of every sheet."""

_GAP = 10
_PAPER: Colour = (22, 24, 28)
_FRAME: Colour = (44, 48, 56)
_INK: Colour = (236, 238, 242)
_PALE: Colour = (160, 168, 180)
_WARNING: Colour = (255, 196, 92)


@dataclass(frozen=True)
class Column:
    """Hold what stands below each other.

    Args:
        title: Above the column; it is broken into lines.
        pictures: One per row, each (h, w, 3) uint8 and of the same size everywhere; the first None of a sheet is the
            place of the legend, others stay empty.
    """

    title: str
    pictures: tuple[NDArray[np.uint8] | None, ...]


@dataclass(frozen=True)
class Sheet:
    """Hold the content of a sheet.

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
    large, middle, small = (ImageFont.load_default(size=size) for size in (30, 19, 16))
    titles = [_lines(column.title, middle, width) for column in sheet.columns]
    left = 2 * _GAP + _line_height(small)
    right = left + len(sheet.columns) * (width + _GAP)
    title_end = _GAP + _line_height(large) + _line_height(small)
    top = title_end + max(map(len, titles)) * _line_height(middle) + 2 * _GAP
    bottom = top + len(sheet.row_labels) * (height + _GAP)
    notes = _lines(sheet.note, small, right - left - _GAP)
    end = bottom + _line_height(middle) + len(notes) * _line_height(small) + _GAP

    paper = Image.new("RGB", (right, end), _PAPER)
    pen = ImageDraw.Draw(paper)
    pen.text((left, _GAP), sheet.title, fill=_INK, font=large)
    pen.text((left, _GAP + _line_height(large)), sheet.subtitle, fill=_PALE, font=small)
    for row, label in enumerate(sheet.row_labels):
        _write_upwards(paper, label, small, (_GAP, top + row * (height + _GAP)), height)
    legend = sheet.legend
    for number, (column, lines) in enumerate(zip(sheet.columns, titles, strict=True)):
        x = left + number * (width + _GAP)
        _write_lines(pen, lines, middle, (x, top - _GAP // 2 - len(lines) * _line_height(middle)), _INK)
        for row, picture in enumerate(column.pictures):
            place = x, top + row * (height + _GAP)
            if picture is None:
                _write_legend(pen, legend, place, height)
                legend = ()
            else:
                paper.paste(Image.fromarray(picture), place)
    pen.text((left, bottom), sheet.footer, fill=_WARNING, font=middle)
    _write_lines(pen, notes, small, (left, bottom + _line_height(middle)), _PALE)
    return np.asarray(paper)


def _write_legend(
    pen: ImageDraw.ImageDraw, entries: Sequence[tuple[Colour, str]], place: tuple[int, int], height: int
) -> None:
    step = min(24, height // max(1, len(entries)))
    font = ImageFont.load_default(size=max(8, min(17, int(step / 1.3))))
    for number, (colour, name) in enumerate(entries):
        x, middle = place[0], place[1] + number * step + step // 2
        half = min(5, step // 3)
        pen.rectangle((x + 2, middle - half, x + 18, middle + half), fill=colour, outline=_FRAME)
        pen.text((x + 28, middle), name, fill=_INK, font=font, anchor="lm")


def _write_upwards(paper: Image.Image, text: str, font: Font, place: tuple[int, int], length: int) -> None:
    """Write text that is read from below, in the middle of `length` pixels below `place`."""
    strip = Image.new("RGB", (length, _line_height(font)), _PAPER)
    ImageDraw.Draw(strip).text((length / 2, 0), text, fill=_PALE, font=font, anchor="ma")
    paper.paste(strip.rotate(90, expand=True), place)


def _write_lines(
    pen: ImageDraw.ImageDraw, lines: Sequence[str], font: Font, place: tuple[int, int], colour: Colour
) -> None:
    for number, line in enumerate(lines):
        pen.text((place[0], place[1] + number * _line_height(font)), line, fill=colour, font=font)


def _lines(text: str, font: Font, width: float) -> list[str]:
    """Break text between words so that no line is wider than `width` pixels, unless a single word is."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def _line_height(font: Font) -> int:
    box = font.getbbox("Ág")
    return int((box[3] - min(0, box[1])) * 1.25)
