"""Kernel distance (KID): how far two sets of images are apart, without bias for small sets, paired or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import Sampled

Array = NDArray[np.float64]


def kernel_distance(x: Array, y: Array) -> float:
    """Return the unbiased squared maximum mean discrepancy with the kernel (x·y / D + 1)³ of Bińkowski et al. 2018.

    It is about 0 for sets from one distribution, and may be slightly negative. The sets must be independent of each
    other; for syntheses and the real images that they were made from, see `kernel_distance_of_pairs`.

    Args:
        x: Features of at least two images, (N, D).
        y: Features of at least two images, (M, D).

    Raises:
        FetalFlexError: If a set holds fewer than two images.
    """
    _check_counts(x, y)
    return float(drawn_kernel_distances(x, y, np.ones((1, len(x))), np.ones((1, len(y))))[0])


def kernel_distance_of_pairs(x: Array, y: Array) -> float:
    """Return the kernel distance of sets whose images belong together by pairs, x[i] to y[i].

    The two images of a pair are alike, not because the sets are, but because one was made from the other: a synthesis
    has the background and the layout of its real image. So a pair is left out of the comparison between the sets, as an
    image is never compared with itself within a set, and the estimate stays unbiased.

    Args:
        x: Features of at least two images, (N, D).
        y: Features of their counterparts, (N, D).

    Raises:
        FetalFlexError: If there are fewer than two pairs, or the sets are of different size.
    """
    _check_counts(x, y)
    _check_pairs(x, y)
    return float(drawn_kernel_distances_of_pairs(x, y, np.ones((1, len(x))))[0])


def kid(x: Array, y: Array, x_draws: Array, y_draws: Array) -> Sampled:
    """Return the kernel distance of independent sets with its draws.

    Args:
        x: Features, (N, D).
        y: Features, (M, D).
        x_draws: Of `patient_draws`, (draws, N).
        y_draws: Likewise, (draws, M).
    """
    return Sampled(kernel_distance(x, y), drawn_kernel_distances(x, y, x_draws, y_draws), min(len(x), len(y)))


def kid_of_pairs(x: Array, y: Array, draws: Array) -> Sampled:
    """Return the kernel distance of paired sets with its draws, in which a pair comes and goes together.

    Args:
        x: Features, (N, D).
        y: Features of their counterparts, (N, D).
        draws: Of `patient_draws`, (draws, N).
    """
    return Sampled(kernel_distance_of_pairs(x, y), drawn_kernel_distances_of_pairs(x, y, draws), len(x))


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
    return _mean_of_different(_kernel(x, x), x_draws) + _mean_of_different(_kernel(y, y), y_draws) - 2 * between


def drawn_kernel_distances_of_pairs(x: Array, y: Array, draws: Array) -> Array:
    """Return the kernel distance of each draw of pairs, (draws,); NaN where a draw holds fewer than two pairs.

    A pair that is drawn twice is not compared with itself, neither within a set nor between the sets.

    Args:
        x: Features, (N, D).
        y: Features of their counterparts, (N, D).
        draws: How often each pair is drawn, (draws, N).
    """
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    within = _mean_of_different(_kernel(x, x), draws) + _mean_of_different(_kernel(y, y), draws)
    return within - 2 * _mean_of_different(_kernel(x, y), draws)


def _kernel(x: Array, y: Array) -> Array:
    return np.asarray((x @ y.T / x.shape[1] + 1) ** 3)


def _mean_of_different(kernel: Array, draws: Array) -> Array:
    """Return Σ c_i c_j k_ij / Σ c_i c_j over i ≠ j for the counts c of each draw, (draws,).

    Args:
        kernel: (N, N); not changed.
        draws: (draws, N).
    """
    off_diagonal = kernel - np.diag(np.diag(kernel))
    pairs = draws.sum(axis=1) ** 2 - (draws**2).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(((draws @ off_diagonal) * draws).sum(axis=1) / np.where(pairs > 0, pairs, np.nan))


def _check_counts(x: Array, y: Array) -> None:
    if min(len(x), len(y)) < 2:
        raise FetalFlexError(f"KID needs at least two images in each set, got {len(x)} and {len(y)}")


def _check_pairs(x: Array, y: Array) -> None:
    if len(x) != len(y):
        raise FetalFlexError(f"KID of pairs needs as many images in one set as in the other, got {len(x)} and {len(y)}")
