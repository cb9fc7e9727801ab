"""Rim: by how much what is kept differs from what was synthesised, along the border between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]

_TYPICAL = 20.0
"""Grey levels: a difference that lies much further from those beside it is an outlier, such as burned-in text."""

_ROUNDS = 3


def difference_along_rim(source: Values, synthesis: Values, kept: Mask, region: Mask, width: float) -> Values:
    """Return source minus synthesis on kept pixels near the region, smoothed along the rim, (H, W); 0 elsewhere.

    It is a local mean with weights that fall with distance and, robustly, with how far a difference lies from the
    mean: w = 1 / (1 + (r / 20)²), iterated. So neither speckle nor text beside the region is smeared into it.
    Pixels inside the region are not looked at.

    Args:
        source: (H, W) grey levels.
        synthesis: (H, W) grey levels; known on both sides of the rim.
        kept: (H, W) bool, where the source counts.
        region: (H, W) bool, disjoint from `kept`.
        width: Pixels to look outwards, and the standard deviation of the smoothing.
    """
    near = kept & (ndimage.distance_transform_edt(~region) <= width)
    difference = np.where(near, source - synthesis, 0.0)
    weights = near.astype(np.float64)
    mean = np.zeros(region.shape)
    for _ in range(_ROUNDS):
        total = ndimage.gaussian_filter(weights, width)
        mean = ndimage.gaussian_filter(weights * difference, width) / np.maximum(total, 1e-12)
        weights = near / (1 + ((difference - mean) / _TYPICAL) ** 2)
    return np.where(near, mean, 0.0)
