"""Tone: how bright a region is and how grey is spread in it, against the real one and against its surroundings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fetalflex.rulers.images import Image, Mask, check_image, check_pair

RING_WIDTH = 16
"""Width in pixels of the ring round a region that its mean is held against."""


@dataclass(frozen=True)
class Tone:
    """Compare the greys of a synthetic region with those of the real one, all in grey levels.

    Args:
        mean: Mean inside the synthetic region.
        real_mean: That of the real one.
        spread: Standard deviation inside the synthetic region.
        real_spread: That of the real one.
        distance: 1-D Wasserstein distance between the greys of the two: by how much a pixel's grey must change on
            average to make the histograms equal.
        ring: Mean inside minus mean of the ring round the region, see `ring_of`; NaN without a ring.
        real_ring: The same of the real image.
    """

    mean: float
    real_mean: float
    spread: float
    real_spread: float
    distance: float
    ring: float
    real_ring: float

    @property
    def shift(self) -> float:
        """Mean minus the real mean: above 0 too bright."""
        return self.mean - self.real_mean

    @property
    def spread_ratio(self) -> float:
        """Spread over the real one; NaN where the real region is flat."""
        return self.spread / self.real_spread if self.real_spread > 0 else math.nan


def tone(real: Image, synthetic: Image, region: Mask) -> Tone:
    """Compare the greys inside a region, and with those round it.

    Args:
        real: (H, W) grey levels, 0 to 255.
        synthetic: Likewise.
        region: (H, W) bool.

    Raises:
        FetalFlexError: If the three do not fit together.
    """
    check_pair(real, synthetic, region)
    greys, real_greys = (np.sort(image[region].astype(np.float64)) for image in (synthetic, real))
    return Tone(
        mean=float(greys.mean()),
        real_mean=float(real_greys.mean()),
        spread=float(greys.std()),
        real_spread=float(real_greys.std()),
        distance=float(np.abs(greys - real_greys).mean()),
        ring=ring_difference(synthetic, region),
        real_ring=ring_difference(real, region),
    )


def ring_difference(image: Image, region: Mask) -> float:
    """Return the mean inside a region minus that of the ring round it, in grey levels; NaN without a ring.

    Args:
        image: (H, W) grey levels.
        region: (H, W) bool.
    """
    check_image(image, region)
    ring = ring_of(region)
    if not ring.any():
        return math.nan
    return float(image[region].mean(dtype=np.float64) - image[ring].mean(dtype=np.float64))


def ring_of(region: Mask) -> Mask:
    """Return the pixels outside a region that lie within 16 px of it, (H, W) bool."""
    if region.all():
        return np.zeros_like(region)
    return ~region & (ndimage.distance_transform_edt(~region) <= RING_WIDTH)
