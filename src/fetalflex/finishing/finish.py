"""From a decoded synthesis and its source to the finished image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.finishing.membrane import membrane
from fetalflex.finishing.options import Finishing
from fetalflex.finishing.rim import difference_along_rim
from fetalflex.pasting import paste

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

FEATHER_SHARE = 0.05
LEAST_FEATHER, MOST_FEATHER = 2, 16

_RIM_WIDTH = 2.0
"""Pixels: what is finer than this along the rim is left to the feather."""

_FADE = 1.0
"""Depth of the membrane relative to that of the region."""


@dataclass(frozen=True)
class Finished:
    """Hold a finished image, (H, W) uint8, and what was done to it, as plain values."""

    image: Image
    record: dict[str, Any]


def finish(synthesis: Image, source: Image, region: Mask, finishing: Finishing) -> Finished:
    """Return the source with a region replaced by a synthesis that was fitted into it.

    Outside the region every pixel is the source's.

    Args:
        synthesis: (H, W) uint8, decoded; inside the region and around it, where it shows the source as the model sees
            it.
        source: (H, W) uint8.
        region: (H, W) bool, True where the result is synthetic.
        finishing: What to do.
    """
    if region.all() or not region.any():
        return Finished(np.where(region, synthesis, source), Finishing.off().record())
    depth = ndimage.distance_transform_edt(region)
    deepest = float(depth.max())
    feather = suitable_feather(deepest) if finishing.feather is None else finishing.feather
    values = synthesis.astype(np.float64)
    if finishing.membrane:
        rim = difference_along_rim(source.astype(np.float64), values, ~region, region, _RIM_WIDTH)
        values += membrane(rim, region, _FADE * deepest)
    image = paste(np.rint(np.clip(values, 0, 255)).astype(np.uint8), source, region, feather)
    return Finished(image, {"membrane": finishing.membrane, "feather": feather})


def suitable_feather(depth: float) -> int:
    """Return the width of the feather, in pixels, of a region whose deepest pixel lies `depth` pixels inside."""
    return int(np.clip(round(FEATHER_SHARE * depth), LEAST_FEATHER, MOST_FEATHER))
