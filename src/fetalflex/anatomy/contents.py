"""Contents of a structure: what lies in it, and how that follows when the structure is moved, scaled or turned.

The rule, for every part of the product:

- A structure lies in another one if the centre of its box lies in the other's box or on its edge, whatever the angles
  of the two. How far it sticks out does not matter. Structures of the same name never lie in one another.
- What lies inside follows, what lies outside stays where it is.
- A follower keeps its own angle, and its place relative to the structure that it follows. Where that structure is
  scaled by fx along and fy across its box, a follower's sides are scaled as lines of their direction are: a side at the
  angle a to the width becomes longer by hypot(fx cos a, fy sin a). So at a right angle the factors change places, and
  in between they pass steadily from one to the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout

_ROUNDING = 1e-6
"""Pixels; so that what lies on the edge stays in when an edit is undone."""

BoxChange = Callable[[Box, Box], Box]
"""Takes a box and the box that it follows, which may be itself; gives the box as it follows."""


def contents(layout: Layout, position: int) -> tuple[int, ...]:
    """Return the positions in `layout.structures` of what lies in the structure at a position."""
    holder = layout.structures[position]
    return tuple(
        i
        for i, item in enumerate(layout.structures)
        if i != position and item.name != holder.name and _holds_centre(holder.box, item.box)
    )


def with_contents(layout: Layout, position: int, change: BoxChange) -> dict[int, Box]:
    """Return the changed boxes, by position: of the structure at a position, and of what lies in it.

    Args:
        layout: where they lie.
        position: of the structure that leads.
        change: such as `scaled_along`, called for each box with the leader's box before the change.
    """
    leader = layout.structures[position].box
    return {i: change(layout.structures[i].box, leader) for i in (position, *contents(layout, position))}


def scaled_along(box: Box, leader: Box, fx: float, fy: float) -> Box:
    """Return a box as it follows a leader that is scaled by fx along and fy across itself, about its centre.

    The leader's own box is scaled by fx and fy exactly.
    """
    along, across = leader.local(box.cx, box.cy)
    cos, sin = leader.cos_sin()
    du, dv = (fx - 1) * along, (fy - 1) * across
    moved = box.translated(du * cos - dv * sin, du * sin + dv * cos)
    turn = math.radians(box.angle - leader.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    return moved.scaled(math.hypot(fx * cos, fy * sin), math.hypot(fx * sin, fy * cos))


def _holds_centre(holder: Box, box: Box) -> bool:
    along, across = holder.local(box.cx, box.cy)
    return abs(along) <= holder.width / 2 + _ROUNDING and abs(across) <= holder.height / 2 + _ROUNDING
