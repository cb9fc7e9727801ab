"""A table of pictures for people to look at: column titles above, a caption under each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fetalflex.figures.style import FAINT_INK, GAP, INK, fitting_scale, font, new_paper, scaled_size

_PICTURE = 280, 220
_LINE = 20


@dataclass(frozen=True)
class PictureRow:
    """One row: pictures, each (H, W) or (H, W, 3) uint8, a note under each, and a caption under all."""

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
    row_height = height + 2 * _LINE + GAP
    top = 3 * _LINE + GAP
    size = GAP + len(columns) * (width + GAP), top + len(rows) * row_height + GAP
    paper = new_paper(*size)
    pen = ImageDraw.Draw(paper)
    pen.text((GAP, GAP), title, fill=INK, font=font(20))
    middle, small = font(16), font(13)
    for number, column in enumerate(columns):
        pen.text((GAP + number * (width + GAP), 2 * _LINE), column, fill=INK, font=middle)
    for index, row in enumerate(rows):
        y = top + index * row_height
        for number, (pixels, note) in enumerate(zip(row.pictures, row.notes, strict=True)):
            x = GAP + number * (width + GAP)
            picture = _fitted(pixels)
            paper.paste(picture, (x, y + height - picture.height))
            pen.text((x, y + height + 2), note, fill=INK, font=small)
        pen.text((GAP, y + height + _LINE), row.caption, fill=FAINT_INK, font=small)
    return np.asarray(paper)


def _fitted(pixels: NDArray[np.uint8]) -> Image.Image:
    picture = Image.fromarray(pixels).convert("RGB")
    scale = fitting_scale(picture.size, _PICTURE)
    size = scaled_size(picture.size, scale)
    return picture.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
