"""Texture, seam and tone of the syntheses that a validation makes, as numbers for the log."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray

from fetalflex.rulers import BAND_NAMES, ruler_values

_MEANS = {name: name for name in ("texture", *BAND_NAMES, "tone_distance")}
_RATIOS = {
    "texture_contrast": ("contrast", "real_contrast"),
    "seam": ("seam_step", "real_seam_step"),
    "tone_spread": ("tone_spread", "real_tone_spread"),
}


def region_numbers(
    truth: NDArray[np.uint8], syntheses: NDArray[np.uint8], roi_mask: NDArray[np.bool_]
) -> dict[str, float]:
    """Return how syntheses differ from the truth inside their regions, pasted into it without any finish.

    The truth is usually what the autoencoder makes of the real images, so that what it drops itself does not show.

    Args:
        truth: (N, H, W).
        syntheses: (N, H, W).
        roi_mask: (N, h, w), with H and W the same multiple of h and w.

    Returns:
        `texture` and `texture_...` in dB by band, of pixels of the canvas, and `texture_contrast`, `seam` and
        `tone_spread` over those of the truth, so that 0 dB and 1 are right; `tone`, absolute difference of the means,
        and `tone_distance`, both in grey levels. What no region can tell is left out.
    """
    factor = truth.shape[1] // roi_mask.shape[1]
    regions = roi_mask.repeat(factor, axis=1).repeat(factor, axis=2)
    found = [
        ruler_values(real, np.where(region, made, real), region)
        for real, made, region in zip(truth, syntheses, regions, strict=True)
        if region.any()
    ]
    columns = {name: np.array([one[name] for one in found]) for name in (found[0] if found else ())}
    if not columns:
        return {}
    numbers = {name: _mean(columns[of]) for name, of in _MEANS.items()}
    for name, (numerator, denominator) in _RATIOS.items():
        below = _mean(columns[denominator])
        numbers[name] = _mean(columns[numerator]) / below if below > 0 else math.nan
    numbers["tone"] = _mean(np.abs(columns["tone_shift"]))
    return {name: value for name, value in numbers.items() if math.isfinite(value)}


def _mean(values: NDArray[np.float64]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of regions that cannot tell, all
        return float(np.nanmean(values))
