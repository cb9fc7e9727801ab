"""The look of all sheets: one paper, one palette, one gap, one typeface, one notice."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

NOTICE = "Synthetic images, research and education only, not for diagnosis"
"""What nobody may miss; at the bottom of every sheet of syntheses."""

GAP = 10
"""Pixels between pictures, and round them."""

PAPER: Colour = (22, 24, 28)
FRAME: Colour = (44, 48, 56)
INK: Colour = (236, 238, 242)
FAINT_INK: Colour = (160, 168, 180)
WARNING: Colour = (255, 196, 92)

_DASH = 5.0


def font(size: int) -> Font:
    """Return the typeface at a size in pixels."""
    return ImageFont.load_default(size=size)


def new_paper(width: int, height: int) -> Image.Image:
    """Return empty paper."""
    return Image.new("RGB", (width, height), PAPER)


def line_height(used: Font) -> int:
    """Return the distance of lines in pixels."""
    box = used.getbbox("Ág")
    return int((box[3] - min(0, box[1])) * 1.25)


def broken_lines(text: str, used: Font, width: float) -> list[str]:
    """Break text between words so that no line is wider than `width` pixels, unless a single word is."""
    lines: list[str] = []
    for word in text.split():
        if lines and used.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines


def cut_text(text: str, used: Font, width: float) -> str:
    """Cut text with an ellipsis so that it is no wider than `width` pixels."""
    if used.getlength(text) <= width:
        return text
    while text and used.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


def fitting_scale(size: tuple[int, int], cell: tuple[int, int]) -> float:
    """Return the factor by which a picture of a size, (width, height), fills a cell."""
    return min(cell[0] / size[0], cell[1] / size[1])


def scaled_size(size: tuple[int, int], scale: float) -> tuple[int, int]:
    """Return a size, (width, height), times a factor, at least 1 x 1."""
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def draw_dashed(pen: ImageDraw.ImageDraw, corners: NDArray[np.float64], colour: Colour) -> None:
    """Draw the outline of a polygon, (N, 2), in dashes."""
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        pieces = max(1, math.ceil(float(np.hypot(*(end - start))) / _DASH))
        points = start + (end - start) * np.linspace(0.0, 1.0, pieces + 1)[:, None]
        for first, second in zip(points[:-1:2], points[1::2], strict=False):
            pen.line([*map(float, first), *map(float, second)], fill=colour, width=1)


def draw_lines(
    pen: ImageDraw.ImageDraw, lines: Sequence[str], used: Font, place: tuple[int, int], colour: Colour
) -> None:
    """Write lines below each other, from the upper left corner at a place."""
    for number, line in enumerate(lines):
        pen.text((place[0], place[1] + number * line_height(used)), line, fill=colour, font=used)
