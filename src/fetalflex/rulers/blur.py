"""Blur as a control: what a number gains by smoothing alone, no knowledge of anatomy added."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from fetalflex.errors import FetalFlexError
from fetalflex.rulers.images import Image, Mask, check_image
from fetalflex.rulers.texture import local_contrast

_WIDEST = 64.0
_HALVINGS = 16


def blurred(image: Image, region: Mask, sigma: float) -> Image:
    """Return an image, blurred inside a region by a Gaussian over the region's own pixels; outside it is unchanged.

    Args:
        image: (H, W) uint8.
        region: (H, W) bool.
        sigma: Standard deviation in pixels of the image, above 0.

    Raises:
        FetalFlexError: If image and region do not fit together, or sigma is not above 0.
    """
    check_image(image, region)
    if not sigma > 0:
        raise FetalFlexError(f"sigma is {sigma}; choose a number of pixels above 0")
    weight = ndimage.gaussian_filter(region.astype(np.float64), sigma, mode="constant")
    grey = ndimage.gaussian_filter(np.where(region, image, 0).astype(np.float64), sigma, mode="constant")
    smooth = np.divide(grey, weight, out=np.zeros_like(grey), where=region & (weight > 0))
    return np.where(region, np.rint(smooth), image).astype(image.dtype)


def equal_blur(images: Sequence[Image], regions: Sequence[Mask], contrast: float) -> float | None:
    """Return the sigma whose blur gives images a mean local contrast, in pixels, within 0.1 %.

    Args:
        images: Each (H, W) uint8, at least one.
        regions: Each (H, W) bool.
        contrast: Mean local contrast to reach, in grey levels.

    Returns:
        None if the images have no more contrast than that already, or no blur reaches it.
    """
    if not _contrast(images, regions, _WIDEST) < contrast < _contrast(images, regions, 0.0):
        return None
    low, high = 0.0, _WIDEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _contrast(images, regions, middle) > contrast else (low, middle)
    return (low + high) / 2


def _contrast(images: Sequence[Image], regions: Sequence[Mask], sigma: float) -> float:
    smooth = [blurred(*pair, sigma) if sigma else pair[0] for pair in zip(images, regions, strict=True)]
    return float(np.nanmean([local_contrast(*pair) for pair in zip(smooth, regions, strict=True)]))
