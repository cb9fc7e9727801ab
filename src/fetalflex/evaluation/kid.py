"""Kernel distance (KID): how far two sets of images are apart, without bias for small sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import Sampled

Array = NDArray[np.float64]


def kernel_distance(x: Array, y: Array) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³ of Bińkowski et al. 2018.

    It is about 0 for sets from one distribution, and may be slightly negative.

    Args:
        x: Features of at least two images, (N, D).
        y: Features of at least two images, (M, D).

    Raises:
        FetalFlexError: If a set holds fewer than two images.
    """
    if min(len(x), len(y)) < 2:
        raise FetalFlexError(f"KID needs at least two images in each set, got {len(x)} and {len(y)}")
    return float(drawn_kernel_distances(x, y, np.ones((1, len(x))), np.ones((1, len(y))))[0])


def kid(x: Array, y: Array, x_draws: Array, y_draws: Array) -> Sampled:
    """Return the kernel distance with its draws.

    Args:
        x: Features, (N, D).
        y: Features, (M, D).
        x_draws: Of `patient_draws`, (draws, N).
        y_draws: Likewise, (draws, M). For pairs of images the same draws, since a pair comes and goes together.
    """
    return Sampled(kernel_distance(x, y), drawn_kernel_distances(x, y, x_draws, y_draws), min(len(x), len(y)))


def drawn_kernel_distances(x: Array, y: Array, x_draws: Array, y_draws: Array) -> Array:
    """Return the kernel distance of each draw, (draws,); NaN where a draw holds fewer than two different images.

    An image that is drawn twice is not compared with itself: that would bias what is unbiased.

    Args:
        x: Features, (N, D).
        y: Features, (M, D).
        x_draws: How often each image is drawn, (draws, N).
        y_draws: How often each image is drawn, (draws, M).
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    between = ((x_draws @ _kernel(x, y)) * y_draws).sum(axis=1) / (x_draws.sum(axis=1) * y_draws.sum(axis=1))
    return _within(x, x_draws) + _within(y, y_draws) - 2 * between


def _kernel(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _within(x: Array, draws: Array) -> Array:
    """Return the mean kernel of all pairs of different images in each draw."""
    kernel = _kernel(x, x)
    np.fill_diagonal(kernel, 0.0)
    pairs = draws.sum(axis=1) ** 2 - (draws**2).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(((draws @ kernel) * draws).sum(axis=1) / np.where(pairs > 0, pairs, np.nan))
