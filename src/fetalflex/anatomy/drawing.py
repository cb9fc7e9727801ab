"""Draw layouts: the layout map and the ROI mask for the model, overlays for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.checks import finite_number, one_of, shown, whole_number
from fetalflex.anatomy.layout import MAX_IMAGE_SIDE, Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.anatomy.titles import place_titles
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image, ImageDraw, ImageFont

    Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

ROI_MODES = ("auto", "outline", "box", "structures", "full")

OUTLINE_MARGIN = 0.05
"""Space round the ellipse of an outline, on each side, as a fraction of its diameter there."""

_ROUNDING = 1e-6
_DIMMEST_LINE = 120.0


def draw_layout_map(layout: Layout, registry: Registry, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Draw filled boxes, one colour per structure, larger boxes first, on black, without antialiasing.

    A pixel takes the colour of a box that holds its centre; a box that holds no pixel centre colours the pixel at its
    own centre, so that no structure is lost while it lies in the image.

    Args:
        layout: structures to draw; the result does not depend on their order.
        registry: where the colours come from.
        size: (width, height) of the map in pixels, None = the layout's.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        FetalFlexError: a structure is unknown to the registry, or the size is out of range.
    """
    width, height = _checked_size(size) if size is not None else (layout.width, layout.height)
    pixel = layout.width / width, layout.height / height
    canvas = np.zeros((height, width, 3), dtype=np.uint8)
    for structure in _larger_first(layout.structures):
        colour = registry.structure(structure.name).colour
        rows, columns, inside = _pixels_of(structure.box, width, height, pixel, touching=False)
        if not inside.any():
            rows, columns, inside = _pixel_at_centre(structure.box, width, height, pixel)
        canvas[rows, columns][inside] = colour
    return canvas


def draw_roi_mask(layout: Layout, registry: Registry, mode: str = "auto", margin: float = 0.05) -> NDArray[np.bool_]:
    """Draw the region to synthesise; the complement of the paper's m in [5], which is 1 on the background.

    Args:
        layout: structures that say where the region lies. Every pixel that a box touches belongs to it.
        registry: says which structure is the plane's outline.
        mode: `outline` = the ellipse in the outline's box, and 5 % of its diameters around it on each side, because
            skull, abdomen and thorax are round in their planes and what lies in the corners of the box is background;
            `structures` = all boxes with the margin around them; `full` = the whole image; `auto` = `outline` and what
            other boxes stick out of it, or `structures` without an outline; `box` = as `auto`, with the outline's box
            in place of the ellipse, as in the paper.
        margin: space around every box in mode `structures`, as a fraction of the longer image side, >= 0.

    Returns:
        (H, W) bool, True = synthesise, False = background that is kept.

    Raises:
        FetalFlexError: no structures (except in mode `full`), or no outline in mode `outline`.
    """
    one_of(mode, "ROI mode", ROI_MODES)
    margin = finite_number(margin, "ROI margin")
    if margin < 0:
        raise FetalFlexError(f"ROI margin must not be negative, got {margin:g}")
    if mode == "full":
        return np.ones((layout.height, layout.width), dtype=np.bool_)
    if not layout.structures:
        raise FetalFlexError("the layout holds no structures, so no region follows from it; use ROI mode full")
    ellipse, boxes = _roi_shapes(layout, registry, mode, margin)
    mask = np.zeros((layout.height, layout.width), dtype=np.bool_)
    if ellipse is not None:
        mask |= _ellipse_mask(ellipse, layout.width, layout.height)
    for box in boxes:
        rows, columns, inside = _pixels_of(box, layout.width, layout.height, (1.0, 1.0), touching=True)
        mask[rows, columns] |= inside
    return mask


def draw_overlay(image: NDArray[np.uint8], layout: Layout, registry: Registry, labels: bool = True) -> Image.Image:
    """Draw thin box outlines and small titles over an image, for people to look at.

    Args:
        image: (H, W) or (H, W, 3) uint8, of the layout's size.
        layout: structures to draw.
        registry: where colours and titles come from.
        labels: whether to write the titles.

    Returns:
        RGB picture of the same size.

    Raises:
        FetalFlexError: the image has another type, shape or size.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(_checked_image(image, layout)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    longer = max(layout.width, layout.height)
    line = max(1, round(longer / 400))
    ordered = _larger_first(layout.structures)
    for structure in ordered:
        corners = [(float(x), float(y)) for x, y in structure.box.polygon() - 0.5]
        colour = bright(registry.structure(structure.name).colour)
        pen.line([*corners, corners[0]], fill=colour, width=line, joint="curve")
    if labels:
        font = ImageFont.load_default(size=max(9, round(longer / 45)))
        _write_titles(pen, font, ordered, layout, registry)
    return picture


def _larger_first(structures: Iterable[PlacedStructure]) -> list[PlacedStructure]:
    return sorted(structures, key=lambda item: (-item.box.area, item.name, *item.box.to_dict().values()))


def _roi_shapes(layout: Layout, registry: Registry, mode: str, margin: float) -> tuple[Box | None, list[Box]]:
    """Return the box round an ellipse, if there is one in the region, and the boxes in it."""
    outline = layout.outline(registry)
    if outline is None and mode == "outline":
        name = registry.plane(layout.plane).outline
        reason = f"the layout holds no {name}" if name else f"the plane {layout.plane} has none"
        raise FetalFlexError(f"ROI mode outline needs an outline, but {reason}; use auto, box, structures or full")
    boxes = [structure.box for structure in layout.structures]
    if outline is None or mode == "structures":
        space = 2 * margin * max(layout.width, layout.height)
        return None, [box.resized(box.width + space, box.height + space) for box in boxes]
    if mode == "box":
        return None, boxes
    others = [structure.box for structure in layout.structures if structure is not outline]
    return outline.box.scaled(1 + 2 * OUTLINE_MARGIN), others if mode == "auto" else []


def _ellipse_mask(box: Box, width: int, height: int) -> NDArray[np.bool_]:
    """Mark the ellipse in a box, half a pixel's diagonal longer at each end, so that it is never empty, (H, W)."""
    x = (np.arange(width) + 0.5)[None, :] - box.cx
    y = (np.arange(height) + 0.5)[:, None] - box.cy
    cos, sin = box.cos_sin()
    along, across = x * cos + y * sin, y * cos - x * sin
    half_width, half_height = box.width / 2 + math.sqrt(0.5), box.height / 2 + math.sqrt(0.5)
    inside: NDArray[np.bool_] = (along / half_width) ** 2 + (across / half_height) ** 2 < 1
    return inside


def _pixels_of(
    box: Box, width: int, height: int, pixel: tuple[float, float], touching: bool
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Find the pixels of a (height, width) grid that a box holds.

    Args:
        box: in layout pixels.
        width: columns of the grid.
        height: rows of the grid.
        pixel: (width, height) of a grid pixel in layout pixels.
        touching: True = every pixel that shares area with the box, False = those whose centre lies in it.

    Returns:
        rows and columns of the window that may hold such pixels, and for this window which of them do.
    """
    x0, y0, x1, y1 = box.corners()
    columns = _window(x0, x1, pixel[0], width)
    rows = _window(y0, y1, pixel[1], height)
    x = (np.arange(columns.start, columns.stop) + 0.5)[None, :] * pixel[0] - box.cx
    y = (np.arange(rows.start, rows.stop) + 0.5)[:, None] * pixel[1] - box.cy
    cos, sin = box.cos_sin()
    along, across = x * cos + y * sin, y * cos - x * sin
    half_width, half_height = box.width / 2, box.height / 2
    if not touching:
        inside = (-half_width <= along) & (along < half_width) & (-half_height <= across) & (across < half_height)
        return rows, columns, inside
    # A pixel and a box share area unless an axis of one of them separates the two; the window is the pixel's axes.
    half_width += (abs(cos) * pixel[0] + abs(sin) * pixel[1]) / 2
    half_height += (abs(sin) * pixel[0] + abs(cos) * pixel[1]) / 2
    return rows, columns, (np.abs(along) < half_width - _ROUNDING) & (np.abs(across) < half_height - _ROUNDING)


def _window(low: float, high: float, pixel: float, count: int) -> slice:
    start, stop = math.floor(low / pixel + _ROUNDING), math.ceil(high / pixel - _ROUNDING)
    return slice(min(max(start, 0), count), min(max(stop, start + 1, 0), count))


def _pixel_at_centre(
    box: Box, width: int, height: int, pixel: tuple[float, float]
) -> tuple[slice, slice, NDArray[np.bool_]]:
    column, row = int(box.cx // pixel[0]), int(box.cy // pixel[1])
    inside = 0 <= column < width and 0 <= row < height
    column, row = min(max(column, 0), width - 1), min(max(row, 0), height - 1)
    return slice(row, row + 1), slice(column, column + 1), np.full((1, 1), inside)


def _write_titles(
    pen: ImageDraw.ImageDraw, font: Font, structures: Sequence[PlacedStructure], layout: Layout, registry: Registry
) -> None:
    entries = [registry.structure(item.name) for item in structures]
    extents = [pen.textbbox((0, 0), entry.title, font=font, stroke_width=1) for entry in entries]
    sizes = [(right - left, bottom - top) for left, top, right, bottom in extents]
    places = place_titles([item.box.corners() for item in structures], sizes, layout.width, layout.height)
    for entry, (left, top, _, _), (x, y) in zip(entries, extents, places, strict=True):
        colour = bright(entry.colour)
        pen.text((x - left, y - top), entry.title, fill=colour, font=font, stroke_width=1, stroke_fill=0)


def bright(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Mix a dark colour with white until its luminance shows on an ultrasound image."""
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    white = max(0.0, (_DIMMEST_LINE - luminance) / (255.5 - luminance))
    red, green, blue = (round(value + white * (255 - value)) for value in colour)
    return red, green, blue


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2:
        raise FetalFlexError(f"size must be (width, height), got {shown(size)}")
    return (
        whole_number(size[0], "size: width", 1, MAX_IMAGE_SIDE),
        whole_number(size[1], "size: height", 1, MAX_IMAGE_SIDE),
    )


def _checked_image(image: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    expected = (layout.height, layout.width)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise FetalFlexError(f"image must be a uint8 array, got {getattr(image, 'dtype', type(image).__name__)}")
    if image.shape not in (expected, (*expected, 3)):
        raise FetalFlexError(f"image must have the layout's shape {expected} or {(*expected, 3)}, got {image.shape}")
    return image
