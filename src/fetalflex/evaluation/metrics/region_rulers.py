"""Texture, seam and tone of synthetic regions, image by image and over the images of a plane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.evaluation.intervals import FEWEST_PATIENTS, Sampled, sampled_mean, sampled_ratio
from fetalflex.evaluation.metrics.two_samples import PairedNumbers
from fetalflex.rulers import RULER_NAMES, appearance, ruler_values

Array = NDArray[np.float64]
Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Region = tuple[Image, Image, Mask]
"""Real image, synthetic image, and where it is synthetic."""

_RATIOS = {
    "contrast_ratio": ("contrast", "real_contrast"),
    "seam_ratio": ("seam_step", "real_seam_step"),
    "seam_broad_ratio": ("seam_broad_step", "real_seam_broad_step"),
    "tone_spread_ratio": ("tone_spread", "real_tone_spread"),
}
_SIZES = {"tone_error": "tone_shift", "tone_ring": "tone_ring", "real_tone_ring": "real_tone_ring"}
"""Of these the size alone counts, whatever the sign."""

_PARTS_ALONE = ("tone_spread", "real_tone_spread")
"""What is shown as a ratio only."""


@dataclass(frozen=True)
class RegionSet:
    """The synthetic regions of one plane.

    Args:
        read: Reads them anew: real image, synthetic image and region, each (H, W).
        patients: Patient of each image.
        draws: Of `patient_draws`, (draws, images).
    """

    read: Callable[[], Iterable[Region]]
    patients: tuple[str, ...]
    draws: Array


def values_of_regions(regions: Iterable[Region]) -> dict[str, Array]:
    """Return what the rulers say of each region, by the names of `RULER_NAMES`, (N,) each.

    Args:
        regions: Real image, synthetic image and region, each (H, W).
    """
    found = [ruler_values(*region) for region in regions]
    return {name: np.array([one[name] for one in found]) for name in RULER_NAMES}


def appearances(regions: RegionSet) -> PairedNumbers:
    """Return what the rulers see in each real and in each synthetic region, for a test of two samples."""
    real, synthetic = zip(
        *((appearance(real, region), appearance(synthetic, region)) for real, synthetic, region in regions.read()),
        strict=True,
    )
    real_rows, synthetic_rows = (np.array([list(one.values()) for one in side]) for side in (real, synthetic))
    return PairedNumbers(tuple(real[0]), real_rows, synthetic_rows, regions.patients)


def ruler_metrics(values: Mapping[str, Array], regions: RegionSet) -> dict[str, Sampled]:
    """Return means and ratios over images, by the names of `RULERS`; what no image can tell is left out.

    An image that cannot tell one number, such as the spectrum of a region that is too small, is left out of that one.

    Args:
        values: Of `values_of_regions`.
        regions: Whose values they are.
    """
    single = {name: np.asarray(values[name]) for name in values if name not in _PARTS_ALONE}
    single |= {name: np.abs(values[of]) for name, of in _SIZES.items()}
    metrics = {}
    for name, numbers in single.items():
        known = ~np.isnan(numbers)
        if known.any():
            metrics[name] = sampled_mean(numbers[known], _draws_of(known, regions))
    for name, (numerator, denominator) in _RATIOS.items():
        known = ~np.isnan(values[numerator]) & ~np.isnan(values[denominator])
        if known.any() and values[denominator][known].sum() > 0:
            parts = values[numerator][known], values[denominator][known]
            metrics[name] = sampled_ratio(*parts, _draws_of(known, regions))
    if "texture" in metrics:
        texture = metrics["texture"]
        metrics["texture_ratio"] = Sampled(10 ** (texture.value / 10), 10 ** (texture.drawn / 10), texture.count)
    return metrics


def _draws_of(known: Mask, regions: RegionSet) -> Array:
    """Return the draws of some of the images; NaN if they are of too few patients."""
    patients = {patient for patient, is_known in zip(regions.patients, known, strict=True) if is_known}
    if len(patients) < FEWEST_PATIENTS:
        return np.full((len(regions.draws), int(known.sum())), np.nan)
    return regions.draws[:, known]
