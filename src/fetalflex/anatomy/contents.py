"""Contents: what lies in an outline, and how it goes along when the outline is moved, scaled or turned."""

from __future__ import annotations

import math

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout

_ROUNDING = 1e-6
"""Pixels; so that what lies on the edge stays in when an edit is undone."""


def contents(layout: Layout, position: int) -> tuple[int, ...]:
    """Return the positions in `layout.structures` of all others whose centres lie in the box at a position."""
    outline = layout.structures[position].box
    return tuple(
        i
        for i, item in enumerate(layout.structures)
        if i != position and item.name != layout.structures[position].name and _holds_centre(outline, item.box)
    )


def scaled_along(box: Box, outline: Box, fx: float, fy: float) -> Box:
    """Return a box as it follows an outline that is scaled by fx and fy along its own sides, about its centre.

    The box's centre keeps its place relative to the outline, and its sides are scaled as lines of their direction are;
    its angle stays.
    """
    along, across = _seen_from(outline, box)
    cos, sin = outline.cos_sin()
    du, dv = (fx - 1) * along, (fy - 1) * across
    moved = box.translated(du * cos - dv * sin, du * sin + dv * cos)
    turn = math.radians(box.angle - outline.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    # A line at this angle to the outline's sides becomes longer by this factor; for fx = fy that is the common factor.
    return moved.scaled(math.hypot(fx * cos, fy * sin), math.hypot(fx * sin, fy * cos))


def _holds_centre(outline: Box, box: Box) -> bool:
    along, across = _seen_from(outline, box)
    return abs(along) <= outline.width / 2 + _ROUNDING and abs(across) <= outline.height / 2 + _ROUNDING


def _seen_from(outline: Box, box: Box) -> tuple[float, float]:
    """Return where a box's centre lies, pixels from the outline's centre along the outline's own axes."""
    cos, sin = outline.cos_sin()
    dx, dy = box.cx - outline.cx, box.cy - outline.cy
    return dx * cos + dy * sin, dy * cos - dx * sin
