"""Confidence intervals: of means and distances by drawing patients anew, of shares by Wilson's formula."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

DRAWS = 1000
FEWEST_PATIENTS = 5
_QUANTILE = 1.959963984540054  # of the normal distribution at 97.5 %


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % confidence interval.

    Args:
        value: The number, which may be infinite.
        low: Lower end; None where there is too little to tell.
        high: Upper end; None where there is too little to tell.
        count: Number of images behind it.
    """

    value: float
    low: float | None
    high: float | None
    count: int

    def to_dict(self) -> dict[str, float | int | None]:
        """Return JSON values; what is not finite becomes None."""
        ends = {"value": self.value, "low": self.low, "high": self.high}
        finite = {name: end if end is not None and math.isfinite(end) else None for name, end in ends.items()}
        return finite | {"count": self.count}


@dataclass(frozen=True)
class Sampled:
    """A number together with what it came to in each draw of the patients.

    Args:
        value: The number.
        drawn: What it came to in each draw, (draws,); NaN where a draw held too little.
        count: Number of images behind it.
    """

    value: float
    drawn: Array
    count: int

    @property
    def estimate(self) -> Estimate:
        """The number with the interval from the 2.5th to the 97.5th percentile of its draws."""
        known = self.drawn[~np.isnan(self.drawn)]
        if len(known) == 0:
            return Estimate(self.value, None, None, self.count)
        # Without interpolation, so that infinite PSNRs make an infinite end and not NaN.
        low, high = np.quantile(known, [0.025, 0.975], method="inverted_cdf")
        return Estimate(self.value, float(low), float(high), self.count)


def patient_draws(patients: Sequence[str], seed: int = 0, draws: int = DRAWS) -> Array:
    """Draw as many patients as there are, with replacement, again and again.

    Images of one patient resemble each other; drawing images one by one would make intervals too narrow.

    Args:
        patients: Patient of each image.
        seed: Seed of the draws.
        draws: How often.

    Returns:
        How often each image is drawn, (draws, images) float64; NaN if there are fewer than five patients, which
        say little of others.
    """
    ids, patient_of_image = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    if len(ids) < FEWEST_PATIENTS:
        return np.full((draws, len(patients)), np.nan)
    drawn = np.random.default_rng(seed).integers(0, len(ids), (draws, len(ids)))
    counts = np.stack([np.bincount(one, minlength=len(ids)) for one in drawn]).astype(np.float64)
    return counts[:, patient_of_image]


def sampled_mean(values: Array, counts: Array) -> Sampled:
    """Return the mean over images.

    Args:
        values: One per image, (images,).
        counts: Of `patient_draws`, (draws, images).
    """
    with np.errstate(invalid="ignore"):
        drawn = np.where(counts > 0, counts * values, 0.0).sum(axis=1) / counts.sum(axis=1)
    return Sampled(float(values.mean()), drawn, len(values))


def sampled_ratio(numerators: Array, denominators: Array, counts: Array) -> Sampled:
    """Return the sum of one number over images by the sum of another; the denominators' sum must not be 0.

    A mean of single ratios would rest on the images whose denominator happens to be small.

    Args:
        numerators: One per image, (images,).
        denominators: Likewise.
        counts: Of `patient_draws`, (draws, images).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = (counts @ numerators) / (counts @ denominators)
    return Sampled(float(numerators.sum() / denominators.sum()), drawn, len(numerators))


def mean_of(parts: Sequence[Sampled]) -> Sampled:
    """Return the mean of numbers from independent sets of images, such as planes; each weighs the same."""
    value = float(np.mean([part.value for part in parts]))
    return Sampled(value, np.mean([part.drawn for part in parts], axis=0), sum(part.count for part in parts))


def share_estimate(successes: int, count: int) -> Estimate:
    """Return a share of images with Wilson's interval, which is sound for small counts and shares near 0 or 1.

    It takes images as independent of each other.

    Args:
        successes: How many images, 0 to `count`.
        count: Of how many, at least 1.
    """
    share, z = successes / count, _QUANTILE
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return Estimate(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)), count)


def patients_share(hits: Sequence[bool], patients: Sequence[str]) -> Estimate:
    """Return a share of images: with Wilson's interval if each is of another patient, else by drawing patients anew.

    Args:
        hits: Whether each image counts; at least one.
        patients: Patient of each image.
    """
    if len(set(patients)) == len(patients):
        return share_estimate(sum(hits), len(hits))
    return sampled_mean(np.array(hits, dtype=np.float64), patient_draws(patients)).estimate
