"""Edits by which adherence to the layout is tested: a structure enlarged, moved, or removed."""

from __future__ import annotations

import math

from fetalflex.anatomy import Layout, PlacedStructure
from fetalflex.anatomy.contents import scaled_along, with_contents


def with_enlarged(layout: Layout, name: str, factor: float) -> Layout:
    """Return the layout with all structures of a name scaled about their centres."""
    return layout.with_structures(
        PlacedStructure(placed.name, placed.box.scaled(factor)) if placed.name == name else placed
        for placed in layout.structures
    )


def with_all_enlarged(layout: Layout, name: str, factor: float) -> Layout:
    """Return the layout with the largest structure of a name, and what lies in it, scaled about its centre.

    What lies in it follows by the rule of `fetalflex.anatomy.contents`. What would lie outside the image is dropped.
    """
    position = layout.structures.index(layout.largest(name))
    boxes = with_contents(layout, position, lambda box, leader: scaled_along(box, leader, factor, factor))
    scaled = (PlacedStructure(item.name, boxes.get(i, item.box)) for i, item in enumerate(layout.structures))
    return layout.with_structures(
        placed for placed in scaled if placed.box.inside_fraction(layout.width, layout.height) > 0
    )


def without(layout: Layout, name: str) -> Layout:
    """Return the layout without the structures of a name."""
    return layout.with_structures(placed for placed in layout.structures if placed.name != name)


def with_one_moved(layout: Layout, outline: PlacedStructure | None, which: int) -> Layout | None:
    """Return the layout with one inner structure moved by half its size, towards the middle of what it lies in.

    One that lies in the middle already is moved to the right.

    Args:
        layout: Structures in image pixels.
        outline: The plane's outline in it, which stays; the middle is its own, or that of all structures.
        which: Of the inner structures that is moved, counted round and round.

    Returns:
        None if there is no inner structure.
    """
    inner = [index for index, placed in enumerate(layout.structures) if placed is not outline]
    if not inner:
        return None
    moved = inner[which % len(inner)]
    box = layout.structures[moved].box
    distance = 0.5 * math.sqrt(box.width * box.height)
    around = layout.structures if outline is None else (outline,)
    dx, dy = (
        sum(getattr(placed.box, name) for placed in around) / len(around) - getattr(box, name) for name in ("cx", "cy")
    )
    length = math.hypot(dx, dy)
    step = (distance, 0.0) if length < distance else (distance * dx / length, distance * dy / length)
    return layout.with_structures(
        PlacedStructure(placed.name, placed.box.translated(*step)) if index == moved else placed
        for index, placed in enumerate(layout.structures)
    )
