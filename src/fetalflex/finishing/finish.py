"""From a decoded synthesis and its source to the finished image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.files.json_files import JsonObject
from fetalflex.finishing.membrane import membrane
from fetalflex.finishing.options import Finishing
from fetalflex.finishing.own_tone import OwnTone
from fetalflex.finishing.pasting import feather_weight
from fetalflex.finishing.rim import difference_along_rim
from fetalflex.finishing.texture import Grain, amplitude, find_grain, lay_grain, local_grey
from fetalflex.finishing.tone import gain_to_mean, gain_weight, tone_gain

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Values = NDArray[np.float64]

FEATHER_SHARE = 0.06
LEAST_FEATHER, MOST_FEATHER = 3, 16

_RIM_WIDTH = 2.0
"""Pixels: what is finer than this along the rim is left to the feather."""

_FADE = 1.0
"""Depth of the membrane relative to that of the region."""

_FLUID = 30.0
"""Grey: what is darker, away from the rim, is changed less, so that fluid becomes neither grey nor jet black."""

_FLUID_RIM = 0.1
"""Depth, relative to that of the region, from which on fluid is spared."""

_RECONSTRUCTED = 12
"""Pixels from the rim at which the synthesis is the model's reconstruction of the source: nearer, latents that the
region shares with its surroundings were drawn."""

_STREAM = 0x7E87
"""Sets the texture's random numbers apart from those of the sampling, which come from the same seed."""


@dataclass(frozen=True)
class Fit:
    """What was found out about an image, for others that are to be finished alike.

    Args:
        gain: Of the tone.
        grain: Known grain; None for none.
    """

    gain: float = 1.0
    grain: Grain | None = None


@dataclass(frozen=True)
class Finished:
    """A finished image, (H, W) uint8, what was found out for it, and what was done, as plain values."""

    image: Image
    fit: Fit
    record: JsonObject


def finish(
    synthesis: Image,
    source: Image,
    region: Mask,
    finishing: Finishing,
    seed: int,
    like: Fit | None = None,
    own: OwnTone | None = None,
) -> Finished:
    """Return the source with a region replaced by a synthesis that was fitted into it.

    Outside the region every pixel is the source's.

    Args:
        synthesis: (H, W) uint8, decoded; inside the region and around it, where it shows the source as the model sees
            it.
        source: (H, W) uint8.
        region: (H, W) bool, True where the result is synthetic.
        finishing: What to do.
        seed: Of the texture.
        like: Take tone and grain from here, so that two syntheses of one image that are alike stay so.
        own: The tone to reach where the source's own content is edited; None judges it by the tissue round the region.
    """
    if region.all() or not region.any():
        return Finished(np.where(region, synthesis, source), Fit(), Finishing.off().record())
    depth = ndimage.distance_transform_edt(region)
    deepest = float(depth.max())
    known, decoded, kept = source.astype(np.float64), synthesis.astype(np.float64), ~region
    values = decoded.copy()
    if finishing.membrane:
        rim = difference_along_rim(known, decoded, kept, region, _RIM_WIDTH)
        values += _sparing_fluid(membrane(rim, region, _FADE * deepest), decoded, depth, deepest)
    fit = like or Fit(
        _gain(values, known, region, kept, own) if finishing.tone else 1.0,
        find_grain(known, decoded, _away_from(region)) if finishing.texture else None,
    )
    values = np.clip(values * (1 + (fit.gain - 1) * gain_weight(depth, deepest)), 0, 255)
    feather = suitable_feather(deepest) if finishing.feather is None else finishing.feather
    weight = feather_weight(region, feather) if feather else region.astype(np.float64)
    blended = weight * values + (1 - weight) * known
    if fit.grain is not None:
        grain = lay_grain(fit.grain, region, np.random.default_rng([_STREAM, seed]))
        # Independent of the source's own grain, so that both add up to full power under (1 - w)² + v² = 1.
        blended += np.sqrt(weight * (2 - weight)) * grain * amplitude(local_grey(values))
    image = np.where(region, np.rint(np.clip(blended, 0, 255)), source).astype(np.uint8)
    record = {
        "membrane": finishing.membrane,
        "tone": round(fit.gain, 3) if finishing.tone else False,
        "texture": False if fit.grain is None else round(fit.grain.strength, 3),
        "feather": feather,
    }
    return Finished(image, fit, record)


def _gain(values: Values, known: Values, region: Mask, kept: Mask, own: OwnTone | None) -> float:
    return tone_gain(values, known, region, kept) if own is None else gain_to_mean(values, region, own)


def suitable_feather(depth: float) -> int:
    """Return the width of the feather, in pixels, of a region whose deepest pixel lies `depth` pixels inside."""
    return int(np.clip(round(FEATHER_SHARE * depth), LEAST_FEATHER, MOST_FEATHER))


def _sparing_fluid(added: Values, decoded: Values, depth: Values, deepest: float) -> Values:
    """Return what is added to a region with less of it where the synthesis is dark, except near the rim."""
    near_rim = np.exp(-depth / (_FLUID_RIM * deepest))
    lit = np.clip(local_grey(decoded) / _FLUID, 0, 1)
    return added * np.maximum(near_rim, lit)


def _away_from(region: Mask) -> Mask:
    return ndimage.distance_transform_edt(~region) > _RECONSTRUCTED
