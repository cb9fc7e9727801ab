"""Upright boxes: what a detector finds, and what a rotated box is compared as."""

from __future__ import annotations

import math

from fetalflex.anatomy import Box


def upright(box: Box) -> Box:
    """Return the upright box round the ellipse that a box holds; an upright box is returned as it is.

    Anatomy is round: the box of a tilted skull is that of an ellipse, whose upright box is smaller than the one round
    the corners of the tilted box.
    """
    if not box.is_rotated:
        return box
    cos, sin = box.cos_sin()
    width = math.hypot(box.width * cos, box.height * sin)
    height = math.hypot(box.width * sin, box.height * cos)
    return Box(box.cx, box.cy, width, height)


def upright_corners(box: Box, width: float, height: float) -> tuple[float, float, float, float] | None:
    """Return (x0, y0, x1, y1) of what an image shows of a box, upright; None if that is nothing.

    Args:
        box: Upright or rotated, in pixels of the image.
        width: Of the image, pixels.
        height: Of the image, pixels.
    """
    part = upright(box).clipped(width, height)
    return None if part is None else part.corners()
