"""What a network sees of a real image and of its synthesis: how far apart they are, and a vector of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.evaluation.canvas_images import CanvasPair, batch_of, canvas_pair, roi_window
from fetalflex.evaluation.metrics.extractors import FeatureExtractor
from fetalflex.evaluation.metrics.perceptual import perceptual_distance
from fetalflex.models.latents import pixels_from_arrays

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Perceived:
    """What a network sees of one pair of images.

    Args:
        distance: Perceptual distance of the whole images.
        roi_distance: That of the region to synthesise, which is looked at as large as the network allows.
        real: Vector of the whole real image, (D,).
        synthetic: That of the synthetic one.
    """

    distance: float
    roi_distance: float
    real: NDArray[np.float64]
    synthetic: NDArray[np.float64]


@torch.no_grad()
def perceive(real: Image, synthetic: Image, roi_mask: Mask, extractor: FeatureExtractor) -> Perceived:
    """Look at a pair of images, each brought to the network's size from its own resolution.

    The region is cut out with what surrounds it in its upright rectangle, so that a seam is seen, but only positions
    inside it count.

    Args:
        real: (H, W) uint8.
        synthetic: (H, W) uint8.
        roi_mask: (H, W) bool, not empty.
        extractor: The network.

    Raises:
        FetalFlexError: If the region covers no pixel at the network's size.
    """
    whole = canvas_pair(real, synthetic, roi_mask, extractor.size)
    window = roi_window(roi_mask)
    region = canvas_pair(real[window], synthetic[window], roi_mask[window], extractor.size)
    real_maps, synthetic_maps = _maps(whole, extractor)
    return Perceived(
        float(perceptual_distance(real_maps, synthetic_maps, batch_of([whole.content]))),
        float(perceptual_distance(*_maps(region, extractor), mask=batch_of([region.roi]))),
        _array(extractor.vectors(real_maps)),
        _array(extractor.vectors(synthetic_maps)),
    )


def _maps(pair: CanvasPair, extractor: FeatureExtractor) -> tuple[list[Tensor], list[Tensor]]:
    return extractor.maps(pixels_from_arrays([pair.real])), extractor.maps(pixels_from_arrays([pair.synthetic]))


def _array(vectors: Tensor) -> NDArray[np.float64]:
    return np.asarray(vectors[0].to("cpu", torch.float64))
