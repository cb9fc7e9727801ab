"""One picture with many images of a data set and their boxes, for people to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fetalflex.anatomy.drawing import draw_overlay
from fetalflex.anatomy.registry import Registry
from fetalflex.data.records import Dataset, Record
from fetalflex.errors import FetalFlexError
from fetalflex.figures.style import FAINT_INK, GAP, INK, cut_text, fitting_scale, font, new_paper, scaled_size
from fetalflex.spreading import spread

MAX_ITEMS = 48
_FEWEST_COLUMNS, _MOST_COLUMNS = 3, 6
_PICTURE = 400, 280
_CAPTION_HEIGHT = 24
_HEADING_HEIGHT = 44
_HEADING_SIZE, _CAPTION_SIZE = 26, 15


class _Section(NamedTuple):
    """The images of one plane that are shown, and how many the data set has."""

    plane: str
    shown: Sequence[Record]
    total: int

    def rows(self, columns: int) -> int:
        return math.ceil(len(self.shown) / columns)

    def height(self, columns: int) -> int:
        return _HEADING_HEIGHT + self.rows(columns) * (_PICTURE[1] + _CAPTION_HEIGHT + GAP)

    def heading(self, registry: Registry) -> str:
        parts = [registry.plane(self.plane).title, f"{self.total} image" + "s" * (self.total > 1)]
        if len(self.shown) < self.total:
            parts.append(f"{len(self.shown)} of them shown")
        if not any(record.layout.structures for record in self.shown):
            parts.append("no boxes")
        return "  ·  ".join(parts)


def draw_contact_sheet(dataset: Dataset, registry: Registry) -> NDArray[np.uint8]:
    """Draw up to 48 images with their boxes, a section for each plane in the registry's order.

    The places are shared evenly among the planes; of each plane images from its whole length are shown. Every
    image is scaled to fit its cell and captioned with file name, patient and split.

    Args:
        dataset: At least one record.
        registry: Where titles and colours come from.

    Returns:
        `(H, W, 3) uint8`, RGB.

    Raises:
        FetalFlexError: If the data set is empty or an image cannot be read.
    """
    if not len(dataset):
        raise FetalFlexError("a data set without images has no contact sheet")
    sections = _sections(dataset, registry)
    columns = _columns(sections)
    width = columns * (_PICTURE[0] + GAP) + GAP
    sheet = new_paper(width, sum(section.height(columns) for section in sections) + GAP)
    top = 0
    for section in sections:
        _draw_section(sheet, top, section, columns, dataset, registry)
        top += section.height(columns)
    return np.asarray(sheet)


def _sections(dataset: Dataset, registry: Registry) -> list[_Section]:
    by_plane: dict[str, list[Record]] = {plane.name: [] for plane in registry.planes}
    for record in dataset:
        by_plane[record.layout.plane].append(record)
    filled = {plane: records for plane, records in by_plane.items() if records}
    places = _shared({plane: len(records) for plane, records in filled.items()}, MAX_ITEMS)
    return [_Section(plane, spread(records, places[plane]), len(records)) for plane, records in filled.items()]


def _columns(sections: Sequence[_Section]) -> int:
    """Return how many columns leave the fewest places empty; of equals the most."""

    def empty(columns: int) -> int:
        return sum(section.rows(columns) * columns - len(section.shown) for section in sections)

    return min(range(_MOST_COLUMNS, _FEWEST_COLUMNS - 1, -1), key=empty)


def _shared(wanted: dict[str, int], places: int) -> dict[str, int]:
    """Give out places in turn, to each plane no more than it wants."""
    given = dict.fromkeys(wanted, 0)
    while places and (hungry := [plane for plane in wanted if given[plane] < wanted[plane]]):
        for plane in hungry[:places]:
            given[plane] += 1
        places -= min(places, len(hungry))
    return given


def _draw_section(
    sheet: Image.Image, top: int, section: _Section, columns: int, dataset: Dataset, registry: Registry
) -> None:
    pen = ImageDraw.Draw(sheet)
    heading_font = font(_HEADING_SIZE)
    pen.text((GAP, top + GAP), section.heading(registry), fill=INK, font=heading_font)
    for index, record in enumerate(section.shown):
        row, column = divmod(index, columns)
        x = GAP + column * (_PICTURE[0] + GAP)
        y = top + _HEADING_HEIGHT + row * (_PICTURE[1] + _CAPTION_HEIGHT + GAP)
        picture = _picture(dataset.image(record), record, registry)
        sheet.paste(picture, (x + (_PICTURE[0] - picture.width) // 2, y + (_PICTURE[1] - picture.height) // 2))
        _draw_caption(pen, (x, y + _PICTURE[1] + 3), record)


def _picture(pixels: NDArray[np.uint8], record: Record, registry: Registry) -> Image.Image:
    """Return the image `(H, W)` with its boxes, scaled to fit a cell."""
    layout = record.layout
    scale = fitting_scale((layout.width, layout.height), _PICTURE)
    size = scaled_size((layout.width, layout.height), scale)
    small = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS)
    return draw_overlay(np.asarray(small), layout.rescaled(scale, width=size[0], height=size[1]), registry)


def _draw_caption(pen: ImageDraw.ImageDraw, place: tuple[int, int], record: Record) -> None:
    used = font(_CAPTION_SIZE)
    rest = "  ".join(part for part in (record.patient, record.split) if part)
    room = _PICTURE[0] - pen.textlength(rest, font=used) - 2 * GAP
    name = cut_text(record.file_name.rpartition("/")[2], used, room)
    pen.text(place, name, fill=INK, font=used)
    pen.text((place[0] + _PICTURE[0], place[1]), rest, fill=FAINT_INK, font=used, anchor="ra")
