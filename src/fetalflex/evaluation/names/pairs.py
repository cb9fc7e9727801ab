"""Pairs of structures whose names are exchanged, while their boxes stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry
from fetalflex.evaluation.box_grid import inside_box
from fetalflex.evaluation.layout_edits import largest

Mask = NDArray[np.bool_]

FEWEST_PIXELS = 16


@dataclass(frozen=True, order=True)
class NamePair:
    """Name two structures of a plane, in alphabetical order.

    Where a layout holds several of a name, the largest is meant.
    """

    plane: str
    first: str
    second: str

    @property
    def names(self) -> tuple[str, str]:
        """Both structures."""
        return self.first, self.second

    def exchanged(self, layout: Layout) -> Layout:
        """Return the layout with the names of the two boxes exchanged; so its prompt stays the same."""
        one, other = (largest(layout, name) for name in self.names)
        names = {id(one): other.name, id(other): one.name}
        return layout.with_structures(replace(item, name=names.get(id(item), item.name)) for item in layout.structures)

    def without(self, layout: Layout) -> Layout:
        """Return the layout without the two boxes."""
        gone = {id(largest(layout, name)) for name in self.names}
        return layout.with_structures(item for item in layout.structures if id(item) not in gone)

    def parts(self, layout: Layout) -> tuple[Mask, Mask]:
        """Return the pixels of each box, (H, W) bool; what both hold is the smaller one's, as in the layout map."""
        boxes = [largest(layout, name).box for name in self.names]
        shape = (layout.height, layout.width)
        one, other = (inside_box(box, shape) for box in boxes)
        return (one & ~other, other) if boxes[0].area > boxes[1].area else (one, other & ~one)

    def is_visible(self, layout: Layout) -> bool:
        """Say whether the image shows at least 16 pixels of each."""
        return all(np.count_nonzero(part) >= FEWEST_PIXELS for part in self.parts(layout))


def pairs_of(layout: Layout, registry: Registry) -> Iterator[NamePair]:
    """Yield all pairs of structures that a layout shows, the plane's outline left out, since it holds the others."""
    outline = registry.plane(layout.plane).outline
    names = [name for name in layout.names() if name != outline]
    for first, second in combinations(names, 2):
        pair = NamePair(layout.plane, first, second)
        if pair.is_visible(layout):
            yield pair
