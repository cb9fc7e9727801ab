"""Seam: the grey step across the rim of a region."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from fetalflex.rulers.images import Array, Image, Mask, check_image, check_pair

SIDE_WIDTH = 2.0
"""Sigma in pixels of the Gaussian that averages grey on either side of the rim for the broad step."""


@dataclass(frozen=True)
class Seam:
    """Compare the rim of a synthetic region with the same place in the real image.

    Args:
        step: Mean grey step from pixel to pixel across the rim of the synthetic image; see `rim_step`.
        real_step: That of the real image.
        broad_step: Mean step between averages on either side; see `broad_rim_step`.
        real_broad_step: That of the real image.
    """

    step: float
    real_step: float
    broad_step: float
    real_broad_step: float

    @property
    def ratio(self) -> float:
        """Step over the real one: 1 cannot be seen, 2 is plain, below 1 the rim is smoothed; NaN where that is 0."""
        return self.step / self.real_step if self.real_step > 0 else math.nan


def seam(real: Image, synthetic: Image, region: Mask) -> Seam:
    """Compare the steps across a region's rim.

    Args:
        real: (H, W) grey levels, 0 to 255.
        synthetic: Likewise; outside the region it is usually the real one.
        region: (H, W) bool.

    Returns:
        Numbers that are NaN if the region has no rim within the image.

    Raises:
        FetalFlexError: If the three do not fit together.
    """
    check_pair(real, synthetic, region)
    return Seam(
        rim_step(synthetic, region),
        rim_step(real, region),
        broad_rim_step(synthetic, region),
        broad_rim_step(real, region),
    )


def rim_step(image: Image, region: Mask) -> float:
    """Return the mean of |inside - outside| over the pairs of pixels that the rim divides, in grey levels.

    A pair is a pixel of the region and one of its four neighbours that is not; where the region ends at the border of
    the image there is none. NaN if there is none at all.

    Args:
        image: (H, W) grey levels.
        region: (H, W) bool.
    """
    check_image(image, region)
    grey = np.asarray(image, np.float64)
    steps = [np.abs(np.diff(grey, axis=axis))[region_ends] for axis, region_ends in enumerate(_rims(region))]
    return _mean(np.concatenate(steps))


def broad_rim_step(image: Image, region: Mask) -> float:
    """Return the mean step across the rim between the average greys on either side, in grey levels.

    The averages are weighted by a Gaussian of 2 px round each pixel next to the rim, over pixels of the region alone,
    and over those outside alone. Speckle, which makes steps everywhere, falls out; what the eye sees as an edge stays.

    Args:
        image: (H, W) grey levels.
        region: (H, W) bool.
    """
    check_image(image, region)
    rim = _next_to_rim(region)
    if not rim.any():
        return math.nan
    inside, outside = _average(image, region)[rim], _average(image, ~region)[rim]
    return _mean(np.abs(inside - outside))


def _rims(region: Mask) -> list[Mask]:
    """Return between which neighbours the rim runs, (H - 1, W) and (H, W - 1)."""
    return [np.diff(region, axis=axis) for axis in (0, 1)]


def _next_to_rim(region: Mask) -> Mask:
    """Return the pixels on both sides of the rim, (H, W)."""
    rim = np.zeros_like(region)
    down, right = _rims(region)
    rim[:-1] |= down
    rim[1:] |= down
    rim[:, :-1] |= right
    rim[:, 1:] |= right
    return rim


def _average(image: Image, of: Mask) -> Array:
    """Return the Gaussian average round each pixel over some pixels alone, (H, W)."""
    weight = ndimage.gaussian_filter(of.astype(np.float64), SIDE_WIDTH, mode="constant")
    grey = ndimage.gaussian_filter(np.where(of, image, 0).astype(np.float64), SIDE_WIDTH, mode="constant")
    return np.divide(grey, weight, out=np.zeros_like(grey), where=weight > 0)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else math.nan
