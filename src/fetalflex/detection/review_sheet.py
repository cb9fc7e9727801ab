"""Sheets of images with the boxes that were found in them, for people to check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fetalflex.anatomy import Registry
from fetalflex.anatomy.drawing import bright
from fetalflex.anatomy.titles import place_titles
from fetalflex.detection.found import REVIEW_BELOW, Detection

SHEET_IMAGES = 30
_COLUMNS = 5
_PICTURE = 400, 300
_GAP, _CAPTION = 12, 40
_DASH = 6.0
_PAPER, _INK, _FAINT_INK, _WARNING = (24, 24, 28), (240, 240, 240), (170, 170, 178), (255, 170, 40)


@dataclass(frozen=True)
class ReviewItem:
    """Hold one image, (H, W) uint8, what was found in it, what to call it, and what is doubtful."""

    image: NDArray[np.uint8]
    detection: Detection
    name: str
    doubts: tuple[str, ...]


def draw_review_sheet(
    items: Sequence[ReviewItem], registry: Registry, below: float = REVIEW_BELOW
) -> NDArray[np.uint8]:
    """Draw images with their boxes and scores; what is doubtful is framed in orange, its boxes are dashed.

    Args:
        items: At least one.
        registry: Where titles and colours come from.
        below: Boxes that score less are dashed.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    columns = min(_COLUMNS, len(items))
    rows = math.ceil(len(items) / columns)
    width, height = _PICTURE[0] + _GAP, _PICTURE[1] + _CAPTION + _GAP
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), _PAPER)
    for number, item in enumerate(items):
        row, column = divmod(number, columns)
        _draw_item(sheet, (_GAP + column * width, _GAP + row * height), item, registry, below)
    return np.asarray(sheet)


def _draw_item(sheet: Image.Image, corner: tuple[int, int], item: ReviewItem, registry: Registry, below: float) -> None:
    pen, (x, y) = ImageDraw.Draw(sheet), corner
    picture = _picture(item, registry, below)
    place = x + (_PICTURE[0] - picture.width) // 2, y + (_PICTURE[1] - picture.height) // 2
    sheet.paste(picture, place)
    if item.doubts:
        pen.rectangle((x - 3, y - 3, x + _PICTURE[0] + 2, y + _PICTURE[1] + 2), outline=_WARNING, width=2)
    font = ImageFont.load_default(15)
    plane = f"{registry.plane(item.detection.layout.plane).title} {item.detection.plane_score:.2f}"
    name = item.name.rpartition("/")[2]
    pen.text((x, y + _PICTURE[1] + 3), _cut(f"{plane}  ·  {name}", font), fill=_INK, font=font)
    text, ink = (f"review: {', '.join(item.doubts)}", _WARNING) if item.doubts else ("no doubts", _FAINT_INK)
    pen.text((x, y + _PICTURE[1] + 21), _cut(text, font), fill=ink, font=font)


def _picture(item: ReviewItem, registry: Registry, below: float) -> Image.Image:
    layout = item.detection.layout
    scale = min(_PICTURE[0] / layout.width, _PICTURE[1] / layout.height)
    size = max(1, round(layout.width * scale)), max(1, round(layout.height * scale))
    picture = Image.fromarray(item.image).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    boxes = [placed.box.transformed(scale).corners() for placed in layout.structures]
    entries = [registry.structure(placed.name) for placed in layout.structures]
    titles = [f"{entry.title} {score:.2f}" for entry, score in zip(entries, item.detection.scores, strict=True)]
    sizes = [(pen.textlength(title, font=font), 13.0) for title in titles]
    places = place_titles(boxes, sizes, *size)
    for box, score, title, place, entry in zip(boxes, item.detection.scores, titles, places, entries, strict=True):
        colour = bright(entry.colour)
        _draw_box(pen, box, colour, dashed=score < below)
        pen.text(place, title, fill=colour, font=font, stroke_width=1, stroke_fill=0)
    return picture


def _draw_box(
    pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], colour: tuple[int, int, int], dashed: bool
) -> None:
    x0, y0, x1, y1 = box
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    if not dashed:
        pen.line(corners, fill=colour, width=1)
        return
    for (ax, ay), (bx, by) in pairwise(corners):
        pieces = max(1, round(math.hypot(bx - ax, by - ay) / _DASH))
        for piece in range(0, pieces, 2):
            start, end = piece / pieces, min(1.0, (piece + 1) / pieces)
            ends = [(ax + (bx - ax) * t, ay + (by - ay) * t) for t in (start, end)]
            pen.line(ends, fill=colour, width=1)


def _cut(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    if font.getlength(text) <= _PICTURE[0]:
        return text
    while text and font.getlength(f"{text}…") > _PICTURE[0]:
        text = text[:-1]
    return f"{text}…"
