"""Boxes around masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.box import Box
from fetalflex.data.limits import MAX_BOXES
from fetalflex.errors import FetalFlexError


@dataclass(frozen=True)
class ComponentBoxes:
    """The boxes of a mask's components, largest component first, and the areas of those that were too small.

    Args:
        boxes: One box a component, pixels.
        small_areas: Areas in pixels of the components left out.
    """

    boxes: tuple[Box, ...]
    small_areas: tuple[int, ...]


def box_of_mask(mask: NDArray[np.bool_], rotated: bool = False) -> Box:
    """Return the box around all pixels of a mask.

    Args:
        mask: `(H, W) bool`.
        rotated: Return the rectangle of smallest area instead of the upright one.

    Raises:
        FetalFlexError: If the mask is empty.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        raise FetalFlexError("the mask is empty")
    filled = mask[rows]
    first = filled.argmax(axis=1)
    past = mask.shape[1] - filled[:, ::-1].argmax(axis=1)
    corners = [(first, rows), (past, rows), (first, rows + 1), (past, rows + 1)]
    points = np.concatenate([np.stack(corner, axis=1) for corner in corners])
    return Box.from_polygon(points.astype(np.float64), rotated=rotated)


def component_boxes(mask: NDArray[np.bool_], min_area: int, rotated: bool = False) -> ComponentBoxes:
    """Return one box for each connected component of a mask; pixels touching at a corner are connected.

    Args:
        mask: `(H, W) bool`.
        min_area: Smallest component that gets a box, pixels.
        rotated: Return rectangles of smallest area instead of upright ones.

    Raises:
        FetalFlexError: If more components would get a box than an image can have.
    """
    from scipy import ndimage

    labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    large = np.flatnonzero(areas >= min_area)
    if len(large) > MAX_BOXES:
        raise FetalFlexError(
            f"the mask has {len(large):,} components of {min_area} pixels or more; an image has at most {MAX_BOXES:,} "
            "boxes"
        )
    renumbered = np.zeros(count + 1, np.int32)
    renumbered[large + 1] = np.arange(1, len(large) + 1)
    labels = renumbered[labels]
    slices = ndimage.find_objects(labels)
    boxes = []
    for index in np.argsort(-areas[large], kind="stable"):
        rows, columns = slices[index]
        part = box_of_mask(labels[rows, columns] == index + 1, rotated)
        boxes.append(part.translated(columns.start, rows.start))
    return ComponentBoxes(tuple(boxes), tuple(int(area) for area in areas[areas < min_area]))
