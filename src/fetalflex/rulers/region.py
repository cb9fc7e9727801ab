"""All rulers on one pair of images, as named numbers for tables and logs."""

from __future__ import annotations

import numpy as np

from fetalflex.rulers.images import Image, Mask, check_image
from fetalflex.rulers.seam import broad_rim_step, rim_step, seam
from fetalflex.rulers.texture import BANDS, band_powers, local_contrast, patches_in, texture
from fetalflex.rulers.tone import ring_difference, tone

BAND_NAMES = tuple(f"texture_{round(1000 * low):03d}_{round(1000 * high):03d}" for low, high in BANDS)
"""Names of the bands in tables: texture_210_250 is 0.210 to 0.250 cycles per pixel."""

RULER_NAMES = (
    "texture",
    *BAND_NAMES,
    "contrast",
    "real_contrast",
    "seam_step",
    "real_seam_step",
    "seam_broad_step",
    "real_seam_broad_step",
    "tone_shift",
    "tone_spread",
    "real_tone_spread",
    "tone_distance",
    "tone_ring",
    "real_tone_ring",
)
"""What `ruler_values` returns, in its order."""


def ruler_values(real: Image, synthetic: Image, region: Mask) -> dict[str, float]:
    """Return what all rulers say of a synthetic region; NaN where one cannot tell.

    Args:
        real: (H, W) grey levels, 0 to 255, at the resolution that is judged.
        synthetic: Likewise.
        region: (H, W) bool.

    Returns:
        By the names of `RULER_NAMES`: textures in dB against the real image, `texture` over 0.21 to 0.38 cycles per
        pixel; all others in grey levels.

    Raises:
        FetalFlexError: If the three do not fit together.
    """
    grain, rim, grey = texture(real, synthetic, region), seam(real, synthetic, region), tone(real, synthetic, region)
    return {
        "texture": grain.summary,
        **dict(zip(BAND_NAMES, grain.bands, strict=True)),
        "contrast": grain.contrast,
        "real_contrast": grain.real_contrast,
        "seam_step": rim.step,
        "real_seam_step": rim.real_step,
        "seam_broad_step": rim.broad_step,
        "real_seam_broad_step": rim.real_broad_step,
        "tone_shift": grey.shift,
        "tone_spread": grey.spread,
        "real_tone_spread": grey.real_spread,
        "tone_distance": grey.distance,
        "tone_ring": grey.ring,
        "real_tone_ring": grey.real_ring,
    }


def appearance(image: Image, region: Mask) -> dict[str, float]:
    """Return what the rulers see in a region of one image, whatever it is compared with; NaN where one cannot tell.

    Args:
        image: (H, W) grey levels, 0 to 255.
        region: (H, W) bool.

    Returns:
        By names for people: powers in dB, all others in grey levels.

    Raises:
        FetalFlexError: If the two do not fit together.
    """
    check_image(image, region)
    with np.errstate(divide="ignore"):
        powers = 10 * np.log10(band_powers(image, patches_in(region)))
    bands = {
        f"power at {low:.3f} to {high:.3f} cycles/px": float(power) if np.isfinite(power) else np.nan
        for (low, high), power in zip(BANDS, powers, strict=True)
    }
    greys = image[region].astype(np.float64)
    return bands | {
        "local contrast": local_contrast(image, region),
        "step across the rim": rim_step(image, region),
        "broad step across the rim": broad_rim_step(image, region),
        "mean grey": float(greys.mean()),
        "spread of grey": float(greys.std()),
        "mean inside minus round it": ring_difference(image, region),
    }
