"""Edits by which obedience to the layout is tested: a structure enlarged, or removed."""

from __future__ import annotations

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


def largest(layout: Layout, name: str) -> PlacedStructure:
    """Return the largest structure of a name; the layout must hold one."""
    return max(layout.find(name), key=lambda placed: placed.box.area)
