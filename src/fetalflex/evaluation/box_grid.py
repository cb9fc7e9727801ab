"""Where pixels lie in a box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box


def box_coordinates(box: Box, shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the place of each pixel's centre along and across a box, two arrays (H, W).

    The box spans -1 to 1 in both, whatever its angle; its inscribed ellipse is where they make a circle of radius 1.

    Args:
        box: In pixels of the image.
        shape: (H, W) of the image.
    """
    y, x = np.ogrid[: shape[0], : shape[1]]
    dx, dy = x + 0.5 - box.cx, y + 0.5 - box.cy
    cos, sin = box.cos_sin()
    return (dx * cos + dy * sin) / (box.width / 2), (dy * cos - dx * sin) / (box.height / 2)


def inside_box(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies in a box, (H, W) bool."""
    along, across = box_coordinates(box, shape)
    return (np.abs(along) < 1) & (np.abs(across) < 1)


def inside_ellipse(box: Box, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels whose centre lies in the ellipse inscribed in a box, (H, W) bool."""
    return np.asarray(np.hypot(*box_coordinates(box, shape)) < 1)
