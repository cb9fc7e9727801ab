"""What differs between two layouts of one image."""

from __future__ import annotations

from collections import Counter

from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.errors import FetalFlexError

_NOTHING = 1e-3
"""Pixels by which a box may differ and is still the same: less than an edit and its inverse lose by rounding."""


def changed_structures(before: Layout, after: Layout) -> tuple[PlacedStructure, ...]:
    """Return the structures that only one of two layouts holds, those before first; a moved one stands twice.

    Boxes that differ by less than a thousandth of a pixel are the same.
    """
    old, new = Counter(before.structures), Counter(after.structures)
    gone, come = list((old - new).elements()), list((new - old).elements())
    for structure in list(gone):
        twin = next((other for other in come if _is_same(structure, other)), None)
        if twin is not None:
            gone.remove(structure)
            come.remove(twin)
    return (*gone, *come)


def check_same_image(before: Layout, after: Layout) -> None:
    """Raise a FetalFlexError if two layouts are of images of two sizes."""
    if (before.width, before.height) != (after.width, after.height):
        sizes = f"{before.width} x {before.height} and {after.width} x {after.height} px"
        raise FetalFlexError(f"the layouts are of {sizes}; give two layouts of one image")


def says_the_same(kept: Layout, layout: Layout) -> bool:
    """Say whether a layout that is kept tells all that another one does; it may know the pixel spacing besides."""
    if kept.plane != layout.plane or (kept.width, kept.height) != (layout.width, layout.height):
        return False
    return layout.pixel_spacing_mm in (None, kept.pixel_spacing_mm) and not changed_structures(kept, layout)


def _is_same(first: PlacedStructure, second: PlacedStructure) -> bool:
    if first.name != second.name:
        return False
    return bool(abs(first.box.polygon() - second.box.polygon()).max() < _NOTHING)
