"""Regions and grey images on which the rulers are tried."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHAPE = (150, 170)


def noise(seed: int = 0, shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    """Return white noise of variance 400 round 120."""
    return np.random.default_rng(seed).normal(120, 20, shape)


def ellipse(shape: tuple[int, int] = SHAPE, share: float = 0.8) -> NDArray[np.bool_]:
    """Return an ellipse in the middle whose diameters are a share of the image's sides."""
    rows, columns = np.indices(shape)
    height, width = shape
    return (2 * (rows - height / 2) / (share * height)) ** 2 + (2 * (columns - width / 2) / (share * width)) ** 2 < 1


def box(rows: slice, columns: slice, shape: tuple[int, int] = SHAPE) -> NDArray[np.bool_]:
    """Return an upright box."""
    region = np.zeros(shape, np.bool_)
    region[rows, columns] = True
    return region
