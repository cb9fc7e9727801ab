"""Kernel distance (KID): how far two sets of images are apart, without bias for small sets, related or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import Sampled

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureSet:
    """The features of a set of N images, and whose images they are.

    Args:
        features: (N, D).
        patients: Patient of each image, of a synthesis that of its real image. Two sets may have patients in common.
        draws: How often each image is drawn, (draws, N), see `patient_draws`; of sets with patients in common the same
            patients must be drawn.
    """

    features: Array
    patients: tuple[str, ...]
    draws: Array

    def __len__(self) -> int:
        return len(self.features)


def kernel_distance(x: FeatureSet, y: FeatureSet) -> float:
    """Return the squared maximum mean discrepancy with the kernel (a·b / D + 1)³ of Bińkowski et al. 2018, unbiased.

    Only images of different patients are compared, within a set and between the sets. Those of one patient are alike
    whether the sets are or not, a synthesis and the real image that it was made from above all: compared with each
    other, they would make related sets look alike, and several images of one patient would make sets look apart. Where
    every image is of a patient of its own, this is the usual estimate.

    Args:
        x: Images of at least two patients.
        y: Images of at least two patients.

    Returns:
        About 0 for sets from one distribution; it may be slightly negative.

    Raises:
        FetalFlexError: If a set holds images of fewer than two patients.
    """
    for part in (x, y):
        if len(set(part.patients)) < 2:
            raise FetalFlexError(
                f"KID needs images of at least two patients in each set, got {len(x)} images of {len(set(x.patients))} "
                f"and {len(y)} of {len(set(y.patients))}"
            )
    return float(_distances(x, y, np.ones((1, len(x))), np.ones((1, len(y))))[0])


def kid(x: FeatureSet, y: FeatureSet) -> Sampled:
    """Return the kernel distance with what it comes to in each draw; see `kernel_distance`."""
    return Sampled(kernel_distance(x, y), _distances(x, y, x.draws, y.draws), min(len(x), len(y)))


def _distances(x: FeatureSet, y: FeatureSet, x_draws: Array, y_draws: Array) -> Array:
    """Return the kernel distance of each draw, (draws,); NaN where a draw holds too few patients to compare any.

    A patient drawn twice is not compared with the same patient: that would bias what is unbiased.
    """
    return (
        _mean_kernel(x, x, x_draws, x_draws)
        + _mean_kernel(y, y, y_draws, y_draws)
        - 2 * _mean_kernel(x, y, x_draws, y_draws)
    )


def _mean_kernel(a: FeatureSet, b: FeatureSet, a_draws: Array, b_draws: Array) -> Array:
    """Return Σ c_i d_j k_ij / Σ c_i d_j over images i, j of different patients, drawn c_i and d_j times, (draws,)."""
    strangers = np.not_equal.outer(np.array(a.patients), np.array(b.patients)).astype(np.float64)
    x, y = np.asarray(a.features, np.float64), np.asarray(b.features, np.float64)
    kernel = (x @ y.T / x.shape[1] + 1) ** 3
    compared = ((a_draws @ strangers) * b_draws).sum(axis=1)
    with np.errstate(invalid="ignore"):
        total = ((a_draws @ (strangers * kernel)) * b_draws).sum(axis=1)
        return np.asarray(total / np.where(compared > 0, compared, np.nan))
