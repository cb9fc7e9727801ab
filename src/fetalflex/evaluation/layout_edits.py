"""Edits by which obedience to the layout is tested: a structure enlarged, or removed."""

from __future__ import annotations

import math

from fetalflex.anatomy import Layout, PlacedStructure


def with_enlarged(layout: Layout, name: str, factor: float) -> Layout:
    """Return the layout with all structures of a name scaled about their centres."""
    return layout.with_structures(
        PlacedStructure(placed.name, placed.box.scaled(factor)) if placed.name == name else placed
        for placed in layout.structures
    )


def with_all_enlarged(layout: Layout, name: str, factor: float) -> Layout:
    """Return the layout with everything scaled about the centre of the largest structure of a name.

    So an outline keeps its contents in place. What would lie outside the image is dropped.
    """
    centre = largest(layout, name).box
    dx, dy = (1 - factor) * centre.cx, (1 - factor) * centre.cy
    scaled = (PlacedStructure(placed.name, placed.box.transformed(factor, dx, dy)) for placed in layout.structures)
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


def largest(layout: Layout, name: str) -> PlacedStructure:
    """Return the largest structure of a name; the layout must hold one."""
    return max(layout.find(name), key=lambda placed: placed.box.area)
