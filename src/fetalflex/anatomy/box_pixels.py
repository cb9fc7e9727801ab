"""Which pixels of a grid a box holds, or the ellipse in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fetalflex.anatomy.box import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1e-6


def pixels_of_box(
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


def pixels_of_ellipse(box: Box, width: int, height: int) -> NDArray[np.bool_]:
    """Mark the ellipse in a box, half a pixel's diagonal longer at each end, so that it is never empty, (H, W)."""
    x = (np.arange(width) + 0.5)[None, :] - box.cx
    y = (np.arange(height) + 0.5)[:, None] - box.cy
    cos, sin = box.cos_sin()
    along, across = x * cos + y * sin, y * cos - x * sin
    half_width, half_height = box.width / 2 + math.sqrt(0.5), box.height / 2 + math.sqrt(0.5)
    inside: NDArray[np.bool_] = (along / half_width) ** 2 + (across / half_height) ** 2 < 1
    return inside


def _window(low: float, high: float, pixel: float, count: int) -> slice:
    start, stop = math.floor(low / pixel + _ROUNDING), math.ceil(high / pixel - _ROUNDING)
    return slice(min(max(start, 0), count), min(max(stop, start + 1, 0), count))
