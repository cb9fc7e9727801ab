"""How well found boxes agree with true ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from fetalflex.anatomy import Layout
from fetalflex.detection.average_precision import (
    AveragePrecision,
    Corners,
    ImageBoxes,
    average_precision,
    box_iou,
)
from fetalflex.detection.found import Detection
from fetalflex.detection.upright import upright_corners


@dataclass(frozen=True)
class Judged:
    """What was found in an image beside what is true of it.

    Args:
        truth: Layout of the image; its boxes are compared as upright boxes, cut at the image.
        found: What the detector says, low scores included.
        looked_for: Structures that the annotator looked for; a find of another one is neither right nor wrong.
    """

    truth: Layout
    found: Detection
    looked_for: frozenset[str]

    def boxes_of(self, name: str) -> ImageBoxes:
        """Return true and found boxes of a structure."""
        true = _corners(self.truth, name)
        scored = zip(self.found.layout.structures, self.found.scores, strict=True)
        scores = tuple(score for placed, score in scored if placed.name == name)
        return ImageBoxes(true, _corners(self.found.layout, name), scores)

    def iou_of(self, name: str, min_score: float) -> float:
        """Return the IoU of the true box of a structure, the largest, with the found one; 0 if it was not found."""
        boxes = self.boxes_of(name)
        true = max(boxes.true, key=lambda box: (box[2] - box[0]) * (box[3] - box[1]))
        found = [box_iou(true, box) for box, score in zip(boxes.found, boxes.scores, strict=True) if score >= min_score]
        return max(found, default=0.0)

    def ious(self, min_score: float) -> dict[str, float]:
        """Return `iou_of` of each structure that was looked for and has a true box, by name in alphabetical order."""
        names = (name for name in sorted(self.looked_for) if self.boxes_of(name).true)
        return {name: self.iou_of(name, min_score) for name in names}


def precision_by_structure(judged: Sequence[Judged]) -> dict[str, AveragePrecision]:
    """Return the average precision of each structure that has a true box, over the images where it was looked for."""
    names = dict.fromkeys(name for one in judged for name in sorted(one.looked_for))
    values = {
        name: average_precision([one.boxes_of(name) for one in judged if name in one.looked_for]) for name in names
    }
    return {name: value for name, value in values.items() if value is not None}


def mean_precision(values: Iterable[AveragePrecision]) -> tuple[float, float]:
    """Return the means of AP50 and AP, each value weighing the same; 0 without any."""
    pairs = [(value.ap50, value.ap) for value in values]
    return (float(np.mean([a for a, _ in pairs])), float(np.mean([b for _, b in pairs]))) if pairs else (0.0, 0.0)


def _corners(layout: Layout, name: str) -> tuple[Corners, ...]:
    found = (upright_corners(placed.box, layout.width, layout.height) for placed in layout.find(name))
    return tuple(corners for corners in found if corners is not None)
