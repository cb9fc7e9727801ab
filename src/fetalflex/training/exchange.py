"""Exchange the contents of two boxes of an image together with their names, so that names come to matter.

In real images a name hardly tells more than place, size and shape of its box: the palate always lies in front of the
midbrain. So a model can draw every layout that it has seen without looking at names. An image in which two structures
have changed places, and the names of their boxes with them, can only be drawn by name (copy-paste augmentation, Ghiasi
et al. 2021, within one image).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fetalflex.anatomy import Box, Layout, Registry

_MOST_PAIRS = 2
_MARGIN = 0.2  # what is taken along round a box, as a share of its sides; the copy is blended over it
_LARGEST_RATIO = 20.0  # of areas; a structure of two pixels says nothing when it is enlarged to fifty
_MOST_OVERLAP = 0.1  # of the smaller box

Pair = tuple[int, int]


def draw_exchange(layout: Layout, registry: Registry, rng: np.random.Generator) -> tuple[Pair, ...]:
    """Draw one or two pairs of structures, as positions in the layout, whose contents may be exchanged.

    They have different names, are not the outline, are upright, lie in the image, hardly overlap, and are not too
    different in size. Nothing if there is no such pair.
    """
    outline = layout.outline(registry)
    able = [
        number
        for number, one in enumerate(layout.structures)
        if one is not outline and not one.box.is_rotated and one.box.inside_fraction(layout.width, layout.height) > 0.99
    ]
    pairs = [pair for pair in combinations(able, 2) if _may_exchange(layout, *pair)]
    chosen: list[Pair] = []
    for number in rng.permutation(len(pairs)):
        pair = pairs[number]
        if not {index for other in chosen for index in other} & set(pair):
            chosen.append(pair)
        if len(chosen) == _MOST_PAIRS:
            break
    return tuple(chosen[: int(rng.integers(1, _MOST_PAIRS + 1))])


def exchange_names(layout: Layout, pairs: tuple[Pair, ...]) -> Layout:
    """Return the layout with the names of each pair exchanged; the boxes stay."""
    structures = list(layout.structures)
    for first, second in pairs:
        names = structures[first].name, structures[second].name
        structures[first] = replace(structures[first], name=names[1])
        structures[second] = replace(structures[second], name=names[0])
    return layout.with_structures(structures)


def exchange_contents(image: NDArray[np.uint8], layout: Layout, pairs: tuple[Pair, ...]) -> NDArray[np.uint8]:
    """Return the image with what lies in the boxes of each pair exchanged, scaled to the other box, edges blended.

    Args:
        image: (H, W) uint8.
        layout: What it shows, before names are exchanged.
        pairs: Positions of structures.
    """
    result = image.astype(np.float64)
    for first, second in pairs:
        boxes = layout.structures[first].box, layout.structures[second].box
        for source, target in (boxes, boxes[::-1]):
            _paste(image, source, target, result)
    return np.rint(result).astype(np.uint8)


def _may_exchange(layout: Layout, first: int, second: int) -> bool:
    one, other = layout.structures[first], layout.structures[second]
    smaller, larger = sorted((one.box.area, other.box.area))
    iou = one.box.iou(other.box)
    overlap = iou / (1 + iou) * (smaller + larger)
    return one.name != other.name and larger <= _LARGEST_RATIO * smaller and overlap <= _MOST_OVERLAP * smaller


def _paste(image: NDArray[np.uint8], source: Box, target: Box, result: NDArray[np.float64]) -> None:
    """Blend what `source` shows of the image into `target` of the result, in place."""
    height, width = image.shape
    wide = [box.resized(box.width * (1 + 2 * _MARGIN), box.height * (1 + 2 * _MARGIN)) for box in (source, target)]
    x0, y0, x1, y1 = wide[1].corners()
    left, top, right, bottom = max(round(x0), 0), max(round(y0), 0), min(round(x1), width), min(round(y1), height)
    if right <= left or bottom <= top:
        return
    # The part of the source that corresponds to the whole pixels of the target that lie in the image.
    scale_x, scale_y = wide[0].width / wide[1].width, wide[0].height / wide[1].height
    sx, sy = wide[0].corners()[:2]
    part = (
        sx + (left - x0) * scale_x,
        sy + (top - y0) * scale_y,
        sx + (right - x0) * scale_x,
        sy + (bottom - y0) * scale_y,
    )
    part = (max(part[0], 0), max(part[1], 0), min(part[2], width), min(part[3], height))
    copy = Image.fromarray(image).resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=part)
    along = np.abs(np.arange(left, right) + 0.5 - target.cx) / (target.width / 2)
    across = np.abs(np.arange(top, bottom) + 0.5 - target.cy) / (target.height / 2)
    beyond = np.maximum(along[None, :], across[:, None]) - 1
    weight = np.clip(1 - beyond / (2 * _MARGIN), 0, 1)
    window = result[top:bottom, left:right]
    window += weight * (np.asarray(copy, np.float64) - window)
