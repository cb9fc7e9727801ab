"""Ask a detector what images show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout
from fetalflex.detection import Detection, Detector
from fetalflex.detection.accuracy import Judged
from fetalflex.detection.detector import MIN_SCORE
from fetalflex.progress import OnProgress, tell_nobody

TAKEN_IOU = 0.3
"""Overlap with another structure's box from which a find is that other one, such as a vein taken for a stomach."""

ReadImage = Callable[[], NDArray[np.uint8]]


def detect_all(
    detector: Detector,
    images: Sequence[ReadImage],
    planes: Sequence[str | None],
    batch_size: int = 16,
    on_progress: OnProgress = tell_nobody,
) -> list[Detection]:
    """Return what a detector finds in many images, low scores included; only a batch of them is held at a time.

    Args:
        detector: The detector.
        images: Each reads one image, (H, W) uint8.
        planes: Plane of each, None to find it.
        batch_size: Images that are computed together.
        on_progress: Told how many images are done.
    """
    found: list[Detection] = []
    for start in range(0, len(images), batch_size):
        batch = [read() for read in images[start : start + batch_size]]
        found += detector.detect(batch, planes[start : start + batch_size], min_score=0.0)
        on_progress(len(found))
    return found


def score_of(detection: Detection, structure: str) -> float:
    """Return how sure the detector is of a structure, 0 to 1."""
    return detection.score_of(structure) or 0.0


def is_found(detection: Detection, structure: str) -> bool:
    """Say whether the detector finds a structure, wherever it lies."""
    return score_of(detection, structure) >= MIN_SCORE


def without_mistaken(detection: Detection, structure: str, shown: Layout) -> Detection:
    """Return the detection without the box of a structure where it lies on that of another one.

    Args:
        detection: What was found.
        structure: What is looked for.
        shown: What the model was shown, which does not hold the structure.
    """
    placed = detection.layout.structures
    for one in shown.structures:
        as_this = shown.with_structures([replace(one, name=structure)])
        if Judged(as_this, detection, frozenset()).iou_of(structure, 0.0) >= TAKEN_IOU:
            kept = [
                (item, score) for item, score in zip(placed, detection.scores, strict=True) if item.name != structure
            ]
            layout = detection.layout.with_structures(item for item, _ in kept)
            return replace(detection, layout=layout, scores=tuple(score for _, score in kept))
    return detection
