"""Texture: power by spatial frequency and local contrast, inside a region, at the image's own resolution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.rulers.images import Array, Image, Mask, check_image, check_pair

BANDS = ((0.0, 0.125), (0.125, 0.167), (0.167, 0.21), (0.21, 0.25), (0.25, 0.29), (0.29, 0.33), (0.33, 0.38))
"""Radial spatial frequency in cycles per pixel, lower end included, upper end not."""

SUMMARY_BAND = (0.21, 0.38)
"""Wavelengths of 2.6 to 4.8 px: speckle. Coarser ones are anatomy, finer ones mostly the JPEG's doing."""

PATCH_SIDES = (64, 48, 32, 24)
"""Sides of patches, in pixels, the first that fits is taken. Smaller ones could not tell the bands apart."""

_ENOUGH_PATCHES = 4
_CONTRAST_SIDE = 5


@dataclass(frozen=True)
class Patches:
    """Where the square patches of a region lie.

    Args:
        side: Of each patch, in pixels; 0 if none fits.
        corners: First row and column of each, (N, 2) int64.
    """

    side: int
    corners: NDArray[np.int64]


@dataclass(frozen=True)
class Texture:
    """Compare the texture of a synthetic region with that of the real one.

    Args:
        bands: Power over the real image's in each of `BANDS`, in dB; NaN where no patch fits the region, or the real
            image has no power there.
        summary: The same over `SUMMARY_BAND`.
        contrast: Local contrast of the synthetic region in grey levels, see `local_contrast`.
        real_contrast: That of the real region.
        patch_side: Side of the patches in pixels; 0 if none fits.
    """

    bands: tuple[float, ...]
    summary: float
    contrast: float
    real_contrast: float
    patch_side: int

    @property
    def contrast_ratio(self) -> float:
        """Local contrast over the real one; NaN where the real region is flat."""
        return self.contrast / self.real_contrast if self.real_contrast > 0 else math.nan


def texture(real: Image, synthetic: Image, region: Mask) -> Texture:
    """Compare textures inside a region; nothing outside it counts.

    Args:
        real: (H, W) grey levels, 0 to 255, uint8 or float.
        synthetic: Likewise.
        region: (H, W) bool.

    Raises:
        FetalFlexError: If the three do not fit together.
    """
    check_pair(real, synthetic, region)
    patches = patches_in(region)
    every = (*BANDS, SUMMARY_BAND)
    powers = [band_powers(image, patches, every) for image in (synthetic, real)]
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = np.where(powers[1] > 0, 10 * np.log10(powers[0] / powers[1]), np.nan)
    *bands, summary = (float(one) for one in decibels)
    contrast, real_contrast = (local_contrast(image, region) for image in (synthetic, real))
    return Texture(tuple(bands), summary, contrast, real_contrast, patches.side)


def patches_in(region: Mask) -> Patches:
    """Choose square patches that lie wholly inside a region, overlapping by half.

    The side is the largest of `PATCH_SIDES` of which four fit; of a small region the largest of which any fits. The
    grid lies where most fit.

    Args:
        region: (H, W) bool.
    """
    best = Patches(0, np.empty((0, 2), np.int64))
    for side in PATCH_SIDES:
        corners = _corners(region, side)
        if len(corners) >= _ENOUGH_PATCHES:
            return Patches(side, corners)
        if len(corners) and not best.side:
            best = Patches(side, corners)
    return best


def _corners(region: Mask, side: int) -> NDArray[np.int64]:
    """Return the first pixels of the patches of a size, (N, 2)."""
    if min(region.shape) < side:
        return np.empty((0, 2), np.int64)
    sums = np.pad(np.asarray(region, np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    fits = sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] == side**2
    step = side // 2
    whole = np.pad(fits, [(0, -length % step) for length in fits.shape])
    by_start = whole.reshape(len(whole) // step, step, -1, step).sum(axis=(0, 2))
    row, column = np.unravel_index(by_start.argmax(), by_start.shape)
    return np.argwhere(fits[row::step, column::step]) * step + (row, column)


def band_powers(image: Image, patches: Patches, bands: tuple[tuple[float, float], ...] = BANDS) -> Array:
    """Return the mean power of an image's patches in each band, (bands,) float64, in squared grey levels.

    From each patch its mean under a Hann window w is taken, then P(f) = |F[w · patch]|² / Σw². White noise of variance
    v has the power v in every band but the lowest, which lacks the mean. NaN without patches.

    Args:
        image: (H, W) grey levels.
        patches: Of `patches_in`.
        bands: Lower and upper end of each, in cycles per pixel of the image.
    """
    if not len(patches.corners):
        return np.full(len(bands), np.nan)
    side = patches.side
    taper = np.hanning(side + 2)[1:-1]
    window = np.outer(taper, taper)
    cut = np.stack([image[row : row + side, column : column + side] for row, column in patches.corners]).astype(float)
    cut -= (cut * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    power = (np.abs(np.fft.fft2(cut * window)) ** 2).mean(axis=0) / (window**2).sum()
    frequencies = np.fft.fftfreq(side)
    radius = np.hypot(frequencies[:, None], frequencies[None, :])
    return np.array([power[(radius >= low) & (radius < high)].mean() for low, high in bands])


def local_contrast(image: Image, region: Mask) -> float:
    """Return the standard deviation in windows of 5 x 5 px, mean over all that lie wholly inside a region.

    Args:
        image: (H, W) grey levels.
        region: (H, W) bool.

    Returns:
        Grey levels; NaN if no window fits.
    """
    check_image(image, region)
    window = np.ones((_CONTRAST_SIDE, _CONTRAST_SIDE), np.bool_)
    whole = ndimage.binary_erosion(region, window)
    if not whole.any():
        return math.nan
    grey = np.where(region, image, 0).astype(np.float64)
    mean, square = (ndimage.uniform_filter(values, _CONTRAST_SIDE) for values in (grey, grey**2))
    return float(np.sqrt(np.maximum(square - mean**2, 0))[whole].mean())
