"""Texture: the grain that the model cannot draw, taken from the image around the region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy import ndimage

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]

PATCH = 32
"""Side of the patches, pixels: several grains, and little anatomy."""

FEWEST_PATCHES = 12

_STRIDE = 8
_GREY_SIGMA = 4.0
_FINE = 1.5
_DARKEST, _BRIGHTEST = 12.0, 215.0
_OUTLYING = 2.0
_HIGHEST_PEAK = 6.0
_COMPRESSED = 60.0
_CHOICES = 24
_NEAREST = 0.2
"""Share of the known patches, those that lie nearest, from which one is drawn."""


@dataclass(frozen=True)
class Grain:
    """Patches of what the model loses of an image, relative to the grey that it lies on.

    Args:
        patches: (N, PATCH, PATCH) float64, mean 0 each.
        centres: (N, 2) rows and columns of their centres.
    """

    patches: Values
    centres: Values

    @property
    def strength(self) -> float:
        """Return the standard deviation of the grain relative to the grey."""
        return float(np.sqrt(np.mean(self.patches**2)))


def local_grey(image: Values) -> Values:
    """Return the grey round each pixel, (H, W)."""
    return ndimage.gaussian_filter(image, _GREY_SIGMA)


def amplitude(grey: Values) -> Values:
    """Return how large the grain is where the local grey is g: g / (1 + g / 60), and less than the grey in the dark.

    Speckle is multiplicative, so it grows with the grey; but a scanner compresses what is bright.
    """
    return np.maximum(grey, 0) / (1 + np.maximum(grey, 0) / _COMPRESSED)


def find_grain(source: Values, synthesis: Values, kept: Mask) -> Grain | None:
    """Return the grain of known tissue: what the model's reconstruction lacks, over its amplitude at the local grey.

    Patches that hold black background, saturated echoes, burned-in text or edges are left out.

    Args:
        source: (H, W) grey levels.
        synthesis: (H, W) grey levels: where the image is kept, the source as the model reconstructs it.
        kept: (H, W) bool, where the source is known; nothing else is looked at.

    Returns:
        None if there is too little known tissue.
    """
    if min(source.shape) < PATCH:
        return None
    share = np.maximum(local_grey(kept.astype(np.float64)), 1e-6)
    seen = np.where(kept, source, 0)
    grey = local_grey(seen) / share
    usable = kept & (grey > _DARKEST) & (grey < _BRIGHTEST)
    corners = np.argwhere(_windows(usable)[::_STRIDE, ::_STRIDE].all(axis=(2, 3))) * _STRIDE
    if len(corners) < FEWEST_PATCHES:
        return None
    scale = amplitude(np.maximum(grey, _DARKEST))
    # Chosen by the source alone: the synthesis differs by rounding between batches, which must not change the choice.
    fine = np.where(kept, source - ndimage.gaussian_filter(seen, _FINE), 0) / scale
    power = np.mean(_windows(fine)[tuple(corners.T)] ** 2, axis=(1, 2))
    peak = np.abs(_windows(fine)[tuple(corners.T)]).max(axis=(1, 2))
    typical = np.median(power)
    chosen = corners[(power <= _OUTLYING * typical) & (peak <= _HIGHEST_PEAK * np.sqrt(typical))]
    if len(chosen) < FEWEST_PATCHES or typical == 0:
        return None
    patches = _windows(np.where(kept, source - synthesis, 0) / scale)[tuple(chosen.T)]
    return Grain(patches - patches.mean(axis=(1, 2), keepdims=True), chosen + PATCH / 2)


def lay_grain(grain: Grain, region: Mask, generator: np.random.Generator) -> Values:
    """Return a field of grain, (H, W), in and round a region: patches drawn at random, woven into one another.

    Neighbours overlap by half under windows whose squares add up to 1, so that the power of the grain stays the same
    everywhere. Each is drawn from those that lay nearest, where depth and direction of the beam are most alike.

    Args:
        grain: What to lay.
        region: (H, W) bool.
        generator: Draws the patches.
    """
    height, width = region.shape
    half = PATCH // 2
    window = np.sin(np.pi * (np.arange(PATCH) + 0.5) / PATCH)
    window = window[:, None] * window[None]
    field = np.zeros((height + 2 * PATCH, width + 2 * PATCH))
    offset = generator.integers(0, half, 2)
    count = min(max(_CHOICES, round(_NEAREST * len(grain.patches))), len(grain.patches))
    for top in range(int(offset[0]), height + PATCH, half):
        for left in range(int(offset[1]), width + PATCH, half):
            drawn = int(generator.integers(count))
            away = np.sum((grain.centres - (top - half, left - half)) ** 2, axis=1)
            patch = grain.patches[np.argsort(away, kind="stable")[drawn]]
            field[top : top + PATCH, left : left + PATCH] += window * patch
    return field[PATCH : PATCH + height, PATCH : PATCH + width]


def _windows(array: NDArray[np.float64] | Mask) -> NDArray[np.float64]:
    """Return a view of all patches, by their upper left corner."""
    return sliding_window_view(array, (PATCH, PATCH))
