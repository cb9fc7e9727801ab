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
    x = (np.arange(columns.start, columns.stop) + 0.5)[None, :] * pixel[0]
    y = (np.arange(rows.start, rows.stop) + 0.5)[:, None] * pixel[1]
    along, across = box.local(x, y)
    half_width, half_height = box.width / 2, box.height / 2
    if not touching:
        inside = (-half_width <= along) & (along < half_width) & (-half_height <= across) & (across < half_height)
        return rows, columns, inside
    cos, sin = box.cos_sin()
    # A pixel and a box share area unless an axis of one of them separates the two; the window is the pixel's axes.
    half_width += (abs(cos) * pixel[0] + abs(sin) * pixel[1]) / 2
    half_height += (abs(sin) * pixel[0] + abs(cos) * pixel[1]) / 2
    return rows, columns, (np.abs(along) < half_width - _ROUNDING) & (np.abs(across) < half_height - _ROUNDING)


def pixels_of_ellipse(box: Box, width: int, height: int) -> NDArray[np.bool_]:
    """Mark the ellipse in a box, half a pixel's diagonal longer at each end, so that it is never empty, (H, W)."""
    along, across = _local_centres(box, (height, width))
    half_width, half_height = box.width / 2 + math.sqrt(0.5), box.height / 2 + math.sqrt(0.5)
    inside: NDArray[np.bool_] = (along / half_width) ** 2 + (across / half_height) ** 2 < 1
    return inside


def box_coordinates(box: Box, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the place of each pixel's centre along and across a box, two arrays (H, W).

    The box spans -1 to 1 in both, whatever its angle; its inscribed ellipse is where they make a circle of radius 1.

    Args:
        box: in pixels of the image.
        shape: (H, W) of the image.
    """
    along, across = _local_centres(box, shape)
    return along / (box.width / 2), across / (box.height / 2)


def inside_box(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies in a box, (H, W) bool."""
    along, across = box_coordinates(box, shape)
    return (np.abs(along) < 1) & (np.abs(across) < 1)


def inside_ellipse(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies in the ellipse inscribed in a box, (H, W) bool."""
    return np.asarray(np.hypot(*box_coordinates(box, shape)) < 1)


def _local_centres(box: Box, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    return box.local(x + 0.5, y + 0.5)


def _window(low: float, high: float, pixel: float, count: int) -> slice:
    start, stop = math.floor(low / pixel + _ROUNDING), math.ceil(high / pixel - _ROUNDING)
    return slice(min(max(start, 0), count), min(max(stop, start + 1, 0), count))
