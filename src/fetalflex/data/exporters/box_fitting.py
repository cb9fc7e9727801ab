"""Fit boxes to formats that hold less than a layout does, and count what that costs."""

from __future__ import annotations

from collections import Counter

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout

_ROUNDING = 1e-6  # pixels; what sticks out by less does so through rounding
_NEXT_TO_NOTHING = 1e-30  # would have more decimals than readers like


class BoxFitting:
    """Cut boxes at the border of their image, set rotated ones upright, and remember how often."""

    def __init__(self) -> None:
        self._lost: Counter[str] = Counter()

    def inside(self, box: Box, layout: Layout) -> Box | None:
        """Return the part of a box within its image, None if nothing is left.

        A rotated box that sticks out becomes the upright box around the rest of it; see `inside_image`.
        """
        rest = inside_image(box, layout)
        if rest is None:
            self._lost["boxes left out, since nothing of them lies inside the image"] += 1
        elif rest is not box and box.is_rotated:
            self._lost["rotated boxes that stick out, written as the upright box around what lies inside"] += 1
        elif rest is not box:
            self._lost["boxes cut at the border of their image"] += 1
        return rest

    def upright(self, box: Box) -> Box:
        """Return the upright box around a box."""
        if not box.is_rotated:
            return box
        self._lost["rotated boxes written as the upright box around them"] += 1
        return upright_around(box)

    def notes(self) -> list[str]:
        """Return what was lost, how often."""
        return [f"{what}: {count}" for what, count in sorted(self._lost.items())]


def inside_image(box: Box, layout: Layout) -> Box | None:
    """Return `Box.clipped` for the layout's image, but the box itself where it sticks out through rounding alone."""
    x0, y0, x1, y1 = box.corners()
    if max(-x0, -y0, x1 - layout.width, y1 - layout.height) <= _ROUNDING:
        return box
    return box.clipped(layout.width, layout.height)


def upright_around(box: Box) -> Box:
    """Return the upright box around a box."""
    return Box.from_corners(*box.corners()) if box.is_rotated else box


def decimal(value: float) -> str:
    """Return the shortest decimal number that reads back to the same float64; an exponent only for next to nothing."""
    return repr(value) if 0 < abs(value) < _NEXT_TO_NOTHING else np.format_float_positional(value, trim="-")
