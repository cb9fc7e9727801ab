"""Fréchet distance (FID): how far two sets of features are apart, each taken as a normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError

Array = NDArray[np.float64]


def frechet_distance(x: Array, y: Array) -> float:
    """Return the Fréchet distance of Heusel et al. 2017, |μ_x - μ_y|² + tr(Σ_x + Σ_y - 2 √(Σ_x Σ_y)).

    It is biased upwards: with fewer images than features the covariances are mostly unknown, and two sets from one
    distribution are far from 0 apart. So it ranks models on equally many images and says little by itself; see
    `few_images_warning`. No interval stands with it, since images drawn twice would raise it further.

    The trace of √(Σ_x Σ_y) is the sum of the singular values of X Yᵀ, with X and Y the centred features over √(n - 1):
    exact, and no matrix has to be as wide as the features.

    Args:
        x: Features of at least two images, (N, D).
        y: Features of at least two images, (M, D).

    Raises:
        FetalFlexError: If a set holds fewer than two images.
    """
    if min(len(x), len(y)) < 2:
        raise FetalFlexError(f"FID needs at least two images in each set, got {len(x)} and {len(y)}")
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    shift = x.mean(axis=0) - y.mean(axis=0)
    u, v = ((part - part.mean(axis=0)) / np.sqrt(len(part) - 1) for part in (x, y))
    common = np.linalg.svd(_short(u) @ _short(v).T, compute_uv=False).sum()
    return float(shift @ shift + (u**2).sum() + (v**2).sum() - 2 * common)


def _short(rows: Array) -> Array:
    """Return at most as many rows as columns, with the same second moments: singular values stay what they were."""
    return np.asarray(np.linalg.qr(rows, mode="r")) if len(rows) > rows.shape[1] else rows


def few_images_warning(name: str, images: int, features: int) -> str | None:
    """Return what to say of a Fréchet distance over fewer images than would tell the covariances; None otherwise.

    Args:
        name: Of the number.
        images: In the smaller set.
        features: Width of the features.
    """
    if images >= 10 * features:
        return None
    return (
        f"{name} is over {images} images with {features} features each: far too few, so it lies far above 0 for real "
        "images too, and may be compared only between sets of equal size."
    )
