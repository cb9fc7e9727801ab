"""What the rulers take: grey images and the mask of a region in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError

Image = NDArray[Any]
"""(H, W) grey levels from 0 to 255, of any real type."""

Mask = NDArray[np.bool_]
Array = NDArray[np.float64]


def check_pair(real: Image, synthetic: Image, region: Mask) -> None:
    """Check that two images and a region fit together.

    Raises:
        FetalFlexError: If they do not.
    """
    check_image(real, region)
    check_image(synthetic, region)


def check_image(image: Image, region: Mask) -> None:
    """Check that an image and a region fit together.

    Raises:
        FetalFlexError: If they do not.
    """
    if region.dtype != np.bool_ or region.ndim != 2:
        raise FetalFlexError(f"the region must be an array (H, W) bool, got {region.shape} {region.dtype}")
    if image.shape != region.shape:
        raise FetalFlexError(f"the image has the shape {image.shape}, the region {region.shape}; give equal ones")
    if not region.any():
        raise FetalFlexError("the region marks no pixel, so there is nothing to measure")
