"""Pictures of signed differences between two images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BRIGHTER = (255, 150, 40)
DARKER = (60, 160, 255)
LARGEST_SHOWN = 64
"""Grey levels at which a colour is full; larger differences look the same."""


def draw_difference(difference: NDArray[np.int16], largest: int = LARGEST_SHOWN) -> NDArray[np.uint8]:
    """Return a picture, (H, W, 3) uint8: black where nothing differs, orange where it is brighter, blue where darker.

    Args:
        difference: (H, W), grey levels from -255 to 255.
        largest: Grey levels, >= 1, at which the colour is full.
    """
    strength = np.clip(np.abs(difference.astype(np.float64)) / largest, 0, 1)[..., None]
    colour = np.where((difference > 0)[..., None], BRIGHTER, DARKER)
    return np.rint(strength * colour).astype(np.uint8)
