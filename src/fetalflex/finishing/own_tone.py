"""Own tone: what the source itself says about how bright a region is to be after an edit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.box_pixels import pixels_of_ellipse
from fetalflex.anatomy.changed import changed_structures, check_same_image
from fetalflex.anatomy.layout import Layout, PlacedStructure

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_LEAST_PIXELS = 16


@dataclass(frozen=True)
class OwnTone:
    """The mean grey that a region is to have.

    Args:
        mean: Grey level, over the pixels that count.
        counted: (H, W) bool, inside the region.
    """

    mean: float
    counted: Mask


def own_tone(source: Image, region: Mask, before: Layout, after: Layout) -> OwnTone | None:
    r"""Return the mean grey of a region after an edit, judged by what the source shows in it.

    .. math:: \bar g = \frac{1}{|C|} \left( |C ∖ S| \, \bar g_t + \sum_n |S_n| \, \bar g_n \right)

    Tissue keeps the mean \bar g_t that it has in the source, and each structure n that the edit changes keeps its own,
    \bar g_n, on the area S_n that it takes afterwards. What the edit adds has no mean in the source, so its area does
    not count.

    Args:
        source: (H, W) uint8 grey.
        region: (H, W) bool, what is redrawn.
        before: What the source shows.
        after: What the image is to show.

    Returns:
        None if too little of the region is known for a mean.

    Raises:
        FetalFlexError: If the layouts are of different images.
    """
    check_same_image(before, after)
    changed = changed_structures(before, after)
    old, new = (_areas(changed, layout, region) for layout in (before, after))
    tissue = region & ~_union(old, region)
    if np.count_nonzero(tissue) < _LEAST_PIXELS:
        return None
    expected = np.full(region.shape, float(source[tissue].mean()))
    counted = region.copy()
    for name, area in new.items():
        known = old.get(name)
        if known is None or not known.any():
            counted &= ~area
        else:
            expected[area] = float(source[known].mean())
    if np.count_nonzero(counted) < _LEAST_PIXELS:
        return None
    return OwnTone(float(expected[counted].mean()), counted)


def _areas(changed: tuple[PlacedStructure, ...], layout: Layout, region: Mask) -> dict[str, Mask]:
    """Return what the changed structures of a layout cover of a region, by name, the larger first."""
    held = [structure for structure in changed if structure in layout.structures]
    areas: dict[str, Mask] = {}
    for structure in sorted(held, key=lambda one: -one.box.area):
        ellipse = pixels_of_ellipse(structure.box, layout.width, layout.height) & region
        areas[structure.name] = areas[structure.name] | ellipse if structure.name in areas else ellipse
    return areas


def _union(areas: dict[str, Mask], region: Mask) -> Mask:
    return np.logical_or.reduce([np.zeros_like(region), *areas.values()])
