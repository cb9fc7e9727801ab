"""Put synthetic pixels into an image so that everything outside a region stays bit for bit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def paste(synthetic: Image, source: Image, region: Mask, feather: int, kept: Mask | None = None) -> Image:
    """Return the source with a region replaced.

    Args:
        synthetic: (H, W) uint8.
        source: (H, W) uint8.
        region: (H, W) bool, True where the result is synthetic.
        feather: Width in pixels, inside the region, over which both are blended towards what is kept.
        kept: (H, W) bool, what the blending starts from; None = all that lies outside the region.
    """
    kept = ~region if kept is None else kept
    if feather == 0 or not kept.any():
        return np.where(region, synthetic, source)
    weight = feather_weight(~kept, feather)
    blended = np.rint(weight * synthetic + (1 - weight) * source).astype(np.uint8)
    return np.where(region, blended, source)


def feather_weight(region: Mask, feather: int) -> NDArray[np.float64]:
    """Return the share of the synthesis in each pixel, (H, W): 0 outside, rising to 1 over the feather's width."""
    return np.clip(ndimage.distance_transform_edt(region) / (feather + 1), 0, 1)
