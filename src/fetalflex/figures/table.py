"""A table of pictures for people to look at: column titles above, a caption under each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

_PICTURE = 280, 220
_GAP = 10
_LINE = 20
_PAPER, _INK, _FAINT_INK = (24, 24, 28), (240, 240, 240), (170, 170, 178)


@dataclass(frozen=True)
class PictureRow:
    """Hold one row: pictures, each (H, W) or (H, W, 3) uint8, a note under each, and a caption under all."""

    pictures: tuple[NDArray[np.uint8], ...]
    notes: tuple[str, ...]
    caption: str


def draw_picture_table(title: str, columns: Sequence[str], rows: Sequence[PictureRow]) -> NDArray[np.uint8]:
    """Return the table as a picture, (H, W, 3) uint8.

    Args:
        title: Above all.
        columns: Titles.
        rows: At least one, each with a picture and a note per column.
    """
    width, height = _PICTURE
    row_height = height + 2 * _LINE + _GAP
    top = 3 * _LINE + _GAP
    size = _GAP + len(columns) * (width + _GAP), top + len(rows) * row_height + _GAP
    paper = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(paper)
    pen.text((_GAP, _GAP), title, fill=_INK, font=ImageFont.load_default(20))
    font, small = ImageFont.load_default(16), ImageFont.load_default(13)
    for number, column in enumerate(columns):
        pen.text((_GAP + number * (width + _GAP), 2 * _LINE), column, fill=_INK, font=font)
    for index, row in enumerate(rows):
        y = top + index * row_height
        for number, (pixels, note) in enumerate(zip(row.pictures, row.notes, strict=True)):
            x = _GAP + number * (width + _GAP)
            picture = _fitted(pixels)
            paper.paste(picture, (x, y + height - picture.height))
            pen.text((x, y + height + 2), note, fill=_INK, font=small)
        pen.text((_GAP, y + height + _LINE), row.caption, fill=_FAINT_INK, font=small)
    return np.asarray(paper)


def _fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(pixels).convert("RGB")
    scale = min(_PICTURE[0] / picture.width, _PICTURE[1] / picture.height)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    return picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
