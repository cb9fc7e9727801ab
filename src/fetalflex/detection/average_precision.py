"""Average precision as COCO defines it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Corners = tuple[float, float, float, float]

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
_RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class ImageBoxes:
    """The boxes of one kind in one image.

    Args:
        true: Boxes that are there, each (x0, y0, x1, y1).
        found: Boxes that were found.
        scores: Of each found box.
    """

    true: tuple[Corners, ...]
    found: tuple[Corners, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class AveragePrecision:
    """Average precisions over a set of images.

    Args:
        ap50: At an IoU of at least 0.5.
        ap: Mean over the thresholds 0.5, 0.55, ... 0.95.
        boxes: Number of true boxes.
        images: Number of images.
    """

    ap50: float
    ap: float
    boxes: int
    images: int


def average_precision(images: Sequence[ImageBoxes]) -> AveragePrecision | None:
    """Return COCO's average precision of one kind of boxes; None without any true box.

    At each IoU threshold found boxes are matched, by falling score, each to the free true box with which it overlaps
    most; precision is made non-increasing and averaged over the recalls 0, 0.01, ... 1.

    Args:
        images: Images in which the kind was looked for, with at most 100 found boxes each.
    """
    boxes = sum(len(image.true) for image in images)
    if not boxes:
        return None
    scores = np.array([score for image in images for score in sorted(image.scores, reverse=True)])
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([_hits(image) for image in images] or [np.empty((len(THRESHOLDS), 0), bool)], axis=1)
    values = [_area(hit[order], boxes) for hit in hits]
    return AveragePrecision(values[0], float(np.mean(values)), boxes, len(images))


def box_iou(first: Corners, second: Corners) -> float:
    """Return intersection over union of two upright boxes."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return width * height / (sum(areas) - width * height)


def _hits(image: ImageBoxes) -> NDArray[np.bool_]:
    """Return whether each found box, by falling score, hits a true one, (thresholds, found)."""
    order = sorted(range(len(image.found)), key=lambda number: -image.scores[number])
    ious = np.array([[box_iou(image.found[number], true) for true in image.true] for number in order])
    hits = np.zeros((len(THRESHOLDS), len(order)), dtype=bool)
    for level, threshold in enumerate(THRESHOLDS):
        free = [True] * len(image.true)
        for place in range(len(order)):
            best, largest = None, min(threshold, 1 - 1e-10)
            for number, is_free in enumerate(free):
                if is_free and ious[place, number] >= largest:
                    best, largest = number, ious[place, number]
            if best is not None:
                free[best], hits[level, place] = False, True
    return hits


def _area(hits: NDArray[np.bool_], boxes: int) -> float:
    """Return the mean of the non-increasing precision over the recalls.

    Args:
        hits: Of all found boxes by falling score, (N,).
        boxes: Number of true boxes.
    """
    if not len(hits):
        return 0.0
    right = np.cumsum(hits)
    precision = right / (np.arange(len(hits)) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(right / boxes, _RECALLS, side="left")
    reached = places < len(hits)
    return float(np.where(reached, precision[np.minimum(places, len(hits) - 1)], 0.0).mean())
