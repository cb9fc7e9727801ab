"""Made-up abdomens and heads of 160 px, speckled, with or without what is looked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.anatomy.box_pixels import box_coordinates, inside_ellipse

SIZE = 160
ABDOMEN = Box(80, 80, 130, 120)
STOMACH = Box(60, 90, 30, 24)
SKULL = Box(80, 80, 110, 80, angle=10)
ABDOMEN_LAYOUT = Layout(
    "abdominal_transverse", SIZE, SIZE, (PlacedStructure("abdomen", ABDOMEN), PlacedStructure("stomach", STOMACH))
)
HEAD_LAYOUT = Layout("thalamic_transverse", SIZE, SIZE, (PlacedStructure("skull", SKULL),))


def abdomen(*dark: Box, gain: float = 1.0, seed: int = 0) -> NDArray[np.uint8]:
    """Return a grey abdomen in fluid, with dark ellipses."""
    grey = np.full((SIZE, SIZE), 15.0)
    grey[inside_ellipse(ABDOMEN, grey.shape)] = 110
    for box in dark:
        grey[inside_ellipse(box, grey.shape)] = 12
    return _speckled(gain * grey, seed)


def head(*rings: Box, seed: int = 0) -> NDArray[np.uint8]:
    """Return an evenly grey image with bright elliptical rings."""
    grey = np.full((SIZE, SIZE), 50.0)
    for box in rings:
        grey[np.abs(np.hypot(*box_coordinates(box, grey.shape)) - 1) < 0.04] = 200
    return _speckled(grey, seed)


def _speckled(grey: NDArray[np.float64], seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).rayleigh(1.0, grey.shape) / np.sqrt(np.pi / 2)
    return np.clip(grey * (0.6 + 0.4 * noise), 0, 255).astype(np.uint8)
