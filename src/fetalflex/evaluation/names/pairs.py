"""Pairs of structures whose names are exchanged, while their boxes stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry
from fetalflex.anatomy.box_pixels import inside_box

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
        one, other = (layout.largest(name) for name in self.names)
        names = {id(one): other.name, id(other): one.name}
        return layout.with_structures(replace(item, name=names.get(id(item), item.name)) for item in layout.structures)

    def without(self, layout: Layout) -> Layout:
        """Return the layout without the two boxes."""
        gone = {id(layout.largest(name)) for name in self.names}
        return layout.with_structures(item for item in layout.structures if id(item) not in gone)

    def parts(self, layout: Layout) -> tuple[Mask, Mask]:
        """Return the pixels of each box, (H, W) bool; what both hold is the smaller one's, as in the layout map."""
        one, other = (_pixels(layout, name) for name in self.names)
        return _split(one, other)

    def is_visible(self, layout: Layout) -> bool:
        """Say whether the image shows at least 16 pixels of each."""
        return _are_visible(self.parts(layout))


def candidates(layout: Layout, registry: Registry) -> Iterator[NamePair]:
    """Yield all pairs of structures of a layout, the plane's outline left out, since it holds the others."""
    outline = registry.plane(layout.plane).outline
    for first, second in combinations([name for name in layout.names() if name != outline], 2):
        yield NamePair(layout.plane, first, second)


def pairs_of(layout: Layout, registry: Registry) -> Iterator[tuple[NamePair, tuple[Mask, Mask]]]:
    """Yield the pairs of which a layout shows enough, see `NamePair.is_visible`, with their parts."""
    pixels: dict[str, tuple[float, Mask]] = {}
    for pair in candidates(layout, registry):
        for name in pair.names:
            if name not in pixels:
                pixels[name] = _pixels(layout, name)
        parts = _split(*(pixels[name] for name in pair.names))
        if _are_visible(parts):
            yield pair, parts


def _pixels(layout: Layout, name: str) -> tuple[float, Mask]:
    """Return the area of the largest box of a name, and its pixels."""
    box = layout.largest(name).box
    return box.area, inside_box(box, (layout.height, layout.width))


def _split(one: tuple[float, Mask], other: tuple[float, Mask]) -> tuple[Mask, Mask]:
    (area, first), (other_area, second) = one, other
    return (first & ~second, second) if area > other_area else (first, second & ~first)


def _are_visible(parts: tuple[Mask, Mask]) -> bool:
    return all(np.count_nonzero(part) >= FEWEST_PIXELS for part in parts)
