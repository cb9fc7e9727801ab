"""How much of a box is hyperechoic: bone, and whatever reflects, shows as bright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box
from fetalflex.anatomy.box_pixels import inside_box
from fetalflex.evaluation.adherence.dark_area import smoothed_and_surroundings

BRIGHT = 1.3


def bright_share(image: NDArray[np.uint8], box: Box, body: Box | None = None) -> float:
    """Return the share of a box's pixels in the image that are bright, 0 to 1; 0 if the box holds none.

    A pixel is bright if its grey, smoothed as in `dark_share`, is above 1.3 times (`BRIGHT`) the median grey of the
    surroundings, the frame between 1.1 and 2 times the box.

    Args:
        image: (H, W) uint8.
        box: Where to look, in pixels of the image.
        body: Outline of the body around it; without one the whole frame counts.
    """
    return bright_share_of(image, inside_box(box, image.shape), box, body)


def bright_share_of(image: NDArray[np.uint8], part: NDArray[np.bool_], box: Box, body: Box | None = None) -> float:
    """Return the share of some pixels, (H, W) bool, that are bright against the surroundings of a box, 0 to 1."""
    if not part.any():
        return 0.0
    smooth, surroundings = smoothed_and_surroundings(image, box, body)
    return float((smooth[part] > BRIGHT * surroundings).mean())
