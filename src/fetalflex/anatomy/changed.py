"""What differs between two layouts of one image."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fetalflex.anatomy.drawing import draw_roi_mask
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CHANGE_MARGIN = 0.03
"""Space round what changes, as a fraction of the longer image side."""


def changed_structures(before: Layout, after: Layout) -> tuple[PlacedStructure, ...]:
    """Return the structures that only one of two layouts holds, those before first; a moved one stands twice."""
    old, new = Counter(before.structures), Counter(after.structures)
    return (*(old - new).elements(), *(new - old).elements())


def draw_change_mask(
    before: Layout, after: Layout, registry: Registry, margin: float = CHANGE_MARGIN
) -> NDArray[np.bool_]:
    """Draw the region of what differs between two layouts, where it was and where it is, (H, W) bool.

    Args:
        before: a layout.
        after: another layout of the same image.
        registry: planes and structures.
        margin: space around every box, as a fraction of the longer image side, >= 0.

    Raises:
        FetalFlexError: the layouts are of different images, or nothing differs.
    """
    if (before.width, before.height) != (after.width, after.height):
        raise FetalFlexError(
            f"the layouts are of {before.width} x {before.height} and {after.width} x {after.height} px; "
            "give two layouts of one image"
        )
    changed = changed_structures(before, after)
    if not changed:
        raise FetalFlexError("both layouts hold the same structures in the same places, so nothing differs")
    return draw_roi_mask(before.with_structures(changed), registry, "structures", margin)
