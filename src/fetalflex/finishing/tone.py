"""Tone: how bright a region is on the whole, judged by the tissue round it, or by the source's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.finishing.own_tone import OwnTone

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]

TRUST = 0.6
"""How far a region's mean is moved to that of the tissue round it. On 23 validation images a regression on both
means gives 0.68 of the tissue's and 0.28 of the region's own."""

RAMP = 0.25
"""Depth, relative to the region's, over which the gain sets in, so that it leaves the rim alone."""

_RING = 0.5
_SIGMA = 4.0
_LIT = 12.0
_LEAST_RING = 0.1
_FLUID = 6.0
_LOWEST, _HIGHEST = 0.6, 1.6
_LOCAL, _WHOLE = 0.08, 0.2


def tone_gain(values: Values, source: Values, region: Mask, kept: Mask) -> float:
    """Return by what to multiply a region's grey so that it belongs to the image; 1 leaves it alone.

    The mean over the region moves towards that of lit tissue in a ring round it, half as wide as the region is deep.
    Black background, shadows and, inside, fluid do not count as tissue. Local regions, whose depth is below 8 % of the
    longer side of what is shown, may be one organ, about which the tissue round it says nothing: they are left to the
    membrane; from 20 % on the gain is full.

    Args:
        values: (H, W) grey levels of the synthesis.
        source: (H, W) grey levels; only those that are kept count.
        region: (H, W) bool.
        kept: (H, W) bool, disjoint from the region.
    """
    depth = ndimage.distance_transform_edt(region)
    deepest = float(depth.max())
    trust = TRUST * float(np.clip((deepest / max(region.shape) - _LOCAL) / (_WHOLE - _LOCAL), 0, 1))
    ring = kept & (ndimage.distance_transform_edt(~region) <= _RING * deepest)
    lit = ring & (_kept_grey(source, kept) > _LIT)
    if trust == 0 or np.count_nonzero(lit) < max(_LEAST_RING * np.count_nonzero(ring), 1):
        return 1.0
    tissue = region & (ndimage.gaussian_filter(values, _SIGMA) > _FLUID)
    if not tissue.any():
        return 1.0
    wanted = trust * float(source[lit].mean() - values[tissue].mean())
    room = float((values * gain_weight(depth, deepest))[tissue].mean())
    return float(np.clip(1 + wanted / max(room, 1e-6), _LOWEST, _HIGHEST))


def gain_to_mean(values: Values, region: Mask, wanted: OwnTone) -> float:
    """Return by what to multiply a region's grey so that the pixels that count get the mean that is wanted.

    Args:
        values: (H, W) grey levels of the synthesis.
        region: (H, W) bool.
        wanted: The mean, and of which pixels.
    """
    depth = ndimage.distance_transform_edt(region)
    weighted = values * gain_weight(depth, float(depth.max()))
    room = float(weighted[wanted.counted].mean())
    missing = wanted.mean - float(values[wanted.counted].mean())
    return float(np.clip(1 + missing / max(room, 1e-6), _LOWEST, _HIGHEST))


def gain_weight(depth: Values, deepest: float) -> Values:
    """Return how much of the gain acts at a depth in pixels: 0 at the rim, nearly 1 in the middle."""
    return 1 - np.exp(-depth / (RAMP * max(deepest, 1e-6)))


def _kept_grey(source: Values, kept: Mask) -> Values:
    """Return the grey of what is kept round each pixel; what is not kept is not looked at."""
    share = ndimage.gaussian_filter(kept.astype(np.float64), _SIGMA)
    return ndimage.gaussian_filter(np.where(kept, source, 0), _SIGMA) / np.maximum(share, 1e-6)
