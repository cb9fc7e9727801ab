"""Regions without corners: boxes made round, and joined so that no notch stays between them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.box_pixels import pixels_of_box

if TYPE_CHECKING:
    from numpy.typing import NDArray

SQUARENESS = 3.0
"""Exponent of the superellipse round an organ: 2 is an ellipse, infinity a rectangle."""


@dataclass(frozen=True, slots=True)
class RoundedBox:
    """All points within a distance of a box: a rectangle whose corners are round.

    Args:
        box: pixels.
        margin: the distance, pixels, >= 0.
    """

    box: Box
    margin: float

    def reach(self) -> tuple[float, float, float, float]:
        """Return (x0, y0, x1, y1) of what it may hold."""
        return self.box.resized(self.box.width + 2 * self.margin, self.box.height + 2 * self.margin).corners()

    def holds(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say of points, x (1, N) and y (M, 1) in pixels, whether they lie in it, (M, N)."""
        along, across = self.box.local(x, y)
        beyond_x = np.maximum(np.abs(along) - self.box.width / 2, 0)
        beyond_y = np.maximum(np.abs(across) - self.box.height / 2, 0)
        inside: NDArray[np.bool_] = beyond_x**2 + beyond_y**2 <= self.margin**2
        return inside


@dataclass(frozen=True, slots=True)
class SuperEllipse:
    """The shape |u / a|^3 + |v / b|^3 <= 1 with the half axes a and b along a box's sides.

    The half axes are those of the smallest such shape that holds the box, and a margin more.

    Args:
        box: pixels.
        margin: pixels, >= 0.
    """

    box: Box
    margin: float

    def half_axes(self) -> tuple[float, float]:
        """Return (a, b), pixels."""
        factor = 2 ** (1 / SQUARENESS) / 2
        return factor * self.box.width + self.margin, factor * self.box.height + self.margin

    def reach(self) -> tuple[float, float, float, float]:
        """Return (x0, y0, x1, y1) of what it may hold."""
        a, b = self.half_axes()
        return self.box.resized(2 * a, 2 * b).corners()

    def holds(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say of points, x (1, N) and y (M, 1) in pixels, whether they lie in it, (M, N)."""
        along, across = self.box.local(x, y)
        a, b = self.half_axes()
        inside: NDArray[np.bool_] = np.abs(along / a) ** SQUARENESS + np.abs(across / b) ** SQUARENESS <= 1
        return inside


RoundShape = RoundedBox | SuperEllipse


def draw_round_shapes(shapes: Sequence[RoundShape], width: int, height: int, radius: float) -> NDArray[np.bool_]:
    """Mark the union of shapes, with notches and gaps between them filled as a disc cannot enter them.

    That is a morphological closing. Every pixel that one of the boxes touches is marked, too.

    Args:
        shapes: in image pixels; they may stick out of the image.
        width: columns of the image.
        height: rows of the image.
        radius: of the disc, pixels; 0 fills nothing.

    Returns:
        (H, W) bool.
    """
    mask = np.zeros((height, width), dtype=np.bool_)
    if not shapes:
        return mask
    # The disc may lie outside the image, as shapes do, so that a region ends at the image's sides as if cut there.
    pad = math.ceil(2 * radius) + 2
    reach = np.array([shape.reach() for shape in shapes])
    left, top = (max(math.floor(side), 0) - pad for side in reach[:, :2].min(axis=0).tolist())
    right, bottom = (
        min(math.ceil(side), limit) + pad
        for side, limit in zip(reach[:, 2:].max(axis=0).tolist(), (width, height), strict=True)
    )
    if right - left > 2 * pad and bottom - top > 2 * pad:
        window = left, top, right, bottom
        joined = _union(shapes, window)
        if radius > 0:
            joined |= _narrowed(_widened(shapes, joined, window, radius), radius + 0.5)  # to the pixel's edge
        mask[top + pad : bottom - pad, left + pad : right - pad] = joined[pad:-pad, pad:-pad]
    for shape in shapes:
        rows, columns, inside = pixels_of_box(shape.box, width, height, (1.0, 1.0), touching=True)
        mask[rows, columns] |= inside
    return mask


def _union(shapes: Sequence[RoundShape], window: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    """Mark the pixels of a window (left, top, right, bottom) whose centres one of the shapes holds."""
    left, top, right, bottom = window
    mask = np.zeros((bottom - top, right - left), np.bool_)
    for shape in shapes:
        x0, y0, x1, y1 = shape.reach()
        first_x, last_x = max(math.floor(x0), left), min(math.ceil(x1), right)
        first_y, last_y = max(math.floor(y0), top), min(math.ceil(y1), bottom)
        if first_x < last_x and first_y < last_y:
            part = mask[first_y - top : last_y - top, first_x - left : last_x - left]
            part |= shape.holds(_centres(first_x, last_x)[None, :], _centres(first_y, last_y)[:, None])
    return mask


def _centres(first: int, last: int) -> NDArray[np.float64]:
    """Return where pixels from the first up to the last have their centres."""
    return np.arange(first, last, dtype=np.float64) + 0.5


def _widened(
    shapes: Sequence[RoundShape], joined: NDArray[np.bool_], window: tuple[int, int, int, int], radius: float
) -> NDArray[np.bool_]:
    """Return the union of the shapes, and all that lies within a radius of it."""
    rounded = [shape for shape in shapes if isinstance(shape, RoundedBox)]
    if len(rounded) == len(shapes):  # then it is known without a search for the nearest pixel
        return _union([RoundedBox(shape.box, shape.margin + radius) for shape in rounded], window)
    from scipy import ndimage  # here, because it takes longer to import than the whole package

    widened: NDArray[np.bool_] = ndimage.distance_transform_edt(~joined) <= radius
    return widened


def _narrowed(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Return what lies further than a radius from all that is not marked."""
    if mask.all():
        return mask
    from scipy import ndimage

    narrowed: NDArray[np.bool_] = ndimage.distance_transform_edt(mask) > radius
    return narrowed
