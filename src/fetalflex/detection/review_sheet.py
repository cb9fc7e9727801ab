"""Sheets of images with the boxes that were found in them, for people to check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fetalflex.anatomy import Registry
from fetalflex.anatomy.drawing import bright
from fetalflex.anatomy.titles import place_titles
from fetalflex.detection.found import REVIEW_BELOW, Detection
from fetalflex.figures.style import (
    FAINT_INK,
    GAP,
    INK,
    WARNING,
    Colour,
    cut_text,
    draw_dashed,
    fitting_scale,
    font,
    new_paper,
    scaled_size,
)

SHEET_IMAGES = 30
_COLUMNS = 5
_PICTURE = 400, 300
_CAPTION = 40


@dataclass(frozen=True)
class ReviewItem:
    """One image, (H, W) uint8, what was found in it, what to call it, and what is doubtful."""

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
    width, height = _PICTURE[0] + GAP, _PICTURE[1] + _CAPTION + GAP
    sheet = new_paper(columns * width + GAP, rows * height + GAP)
    for number, item in enumerate(items):
        row, column = divmod(number, columns)
        _draw_item(sheet, (GAP + column * width, GAP + row * height), item, registry, below)
    return np.asarray(sheet)


def _draw_item(sheet: Image.Image, corner: tuple[int, int], item: ReviewItem, registry: Registry, below: float) -> None:
    pen, (x, y) = ImageDraw.Draw(sheet), corner
    picture = _picture(item, registry, below)
    place = x + (_PICTURE[0] - picture.width) // 2, y + (_PICTURE[1] - picture.height) // 2
    sheet.paste(picture, place)
    if item.doubts:
        pen.rectangle((x - 3, y - 3, x + _PICTURE[0] + 2, y + _PICTURE[1] + 2), outline=WARNING, width=2)
    used = font(15)
    plane = f"{registry.plane(item.detection.layout.plane).title} {item.detection.plane_score:.2f}"
    name = item.name.rpartition("/")[2]
    pen.text((x, y + _PICTURE[1] + 3), cut_text(f"{plane}  ·  {name}", used, _PICTURE[0]), fill=INK, font=used)
    text, ink = (f"review: {', '.join(item.doubts)}", WARNING) if item.doubts else ("no doubts", FAINT_INK)
    pen.text((x, y + _PICTURE[1] + 21), cut_text(text, used, _PICTURE[0]), fill=ink, font=used)


def _picture(item: ReviewItem, registry: Registry, below: float) -> Image.Image:
    layout = item.detection.layout
    scale = fitting_scale((layout.width, layout.height), _PICTURE)
    size = scaled_size((layout.width, layout.height), scale)
    picture = Image.fromarray(item.image).convert("RGB").resize(size, Image.Resampling.LANCZOS)
    pen, used = ImageDraw.Draw(picture), font(12)
    boxes = [placed.box.transformed(scale).corners() for placed in layout.structures]
    entries = [registry.structure(placed.name) for placed in layout.structures]
    titles = [f"{entry.title} {score:.2f}" for entry, score in zip(entries, item.detection.scores, strict=True)]
    sizes = [(pen.textlength(title, font=used), 13.0) for title in titles]
    places = place_titles(boxes, sizes, *size)
    for box, score, title, place, entry in zip(boxes, item.detection.scores, titles, places, entries, strict=True):
        colour = bright(entry.colour)
        _draw_box(pen, box, colour, dashed=score < below)
        pen.text(place, title, fill=colour, font=used, stroke_width=1, stroke_fill=0)
    return picture


def _draw_box(pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float], colour: Colour, dashed: bool) -> None:
    x0, y0, x1, y1 = box
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    if dashed:
        draw_dashed(pen, np.array(corners), colour)
    else:
        pen.line([*corners, corners[0]], fill=colour, width=1)
