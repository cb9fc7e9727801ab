"""Regions as vectors whose scalar product is the correlation of their grey values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fetalflex.evaluation.canvas_images import roi_on_canvas

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Vector = NDArray[np.float32]

_SIDE = 64
_DIGITS = 4
_LEAST_CONTRAST = 1.0  # grey levels; less is rounding


def grey_vector(image: Image, roi_mask: Mask) -> Vector:
    """Return a vector of length 1, (4096,), of a region at 64 x 64 pixels; of 0 for a region without contrast.

    What lies round the region on its canvas is 0, the region's own mean, so that regions of one shape are not alike for
    their shape.

    Args:
        image: (H, W) uint8.
        roi_mask: (H, W) bool, not empty.
    """
    covered = roi_on_canvas(np.full_like(image, 255), roi_mask, _SIDE) / 255.0
    inside = covered > 0.5
    if not inside.any():
        inside = covered > 0
    grey = roi_on_canvas(image, roi_mask, _SIDE)[inside] / covered[inside]  # at the rim, without the black around it
    centred = grey - grey.mean()
    vector = np.zeros((_SIDE, _SIDE), np.float32)
    if centred.std() > _LEAST_CONTRAST:
        vector[inside] = centred / np.linalg.norm(centred)
    return vector.ravel()


def mirrored_grey_vector(image: Image, roi_mask: Mask) -> Vector:
    """Return the vector of a region mirrored left to right; see `grey_vector` for the arguments.

    The vector itself must not be mirrored: a narrow region lies in the middle of its canvas up to a pixel only, and
    grey values that are off by a pixel correlate far less.
    """
    return grey_vector(np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(roi_mask[:, ::-1]))


def correlations(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the correlation of each of (N, 4096) with each of (M, 4096), (N, M).

    They are rounded to four digits, so that verdicts do not hang on the order in which a machine adds up.
    """
    return np.round(vectors @ others.T, _DIGITS)


def most_alike(vector: Vector, others: Sequence[Vector] | NDArray[np.float32]) -> tuple[float, int]:
    """Return the largest correlation with one of others, and which that is; -1 and -1 if there are none."""
    if not len(others):
        return -1.0, -1
    found = correlations(vector[None], np.asarray(others))[0]
    best = int(found.argmax())
    return float(found[best]), best
