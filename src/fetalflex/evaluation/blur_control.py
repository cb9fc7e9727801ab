"""Blur as a control: how the numbers change when nothing but smoothness is added to the syntheses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from fetalflex.evaluation.canvas_images import canvas_pair
from fetalflex.evaluation.intervals import Sampled, sampled_mean
from fetalflex.evaluation.metrics.catalogue import CONTROLLED
from fetalflex.evaluation.metrics.extractors import FeatureExtractor
from fetalflex.evaluation.metrics.perceived import perceive
from fetalflex.evaluation.metrics.quality import likeness
from fetalflex.evaluation.metrics.region_rulers import RegionSet, ruler_metrics, values_of_regions
from fetalflex.evaluation.results import Side
from fetalflex.rulers import blurred, equal_blur

EQUAL_BLUR = "blur_equal"
"""Name of the blur that makes syntheses as smooth as others."""


def measure_blur(
    title: str,
    planes: Mapping[str, RegionSet],
    sigma: float,
    size: int,
    extractor: FeatureExtractor,
    tell: Callable[[], None],
) -> Side:
    """Measure syntheses after a Gaussian blur inside their regions.

    Args:
        title: For people.
        planes: Syntheses by plane.
        sigma: In pixels of the real images.
        size: Side of the canvas on which images are compared.
        extractor: For the perceptual distance.
        tell: Called after each image.
    """
    return Side(title, {plane: _metrics(regions, sigma, size, extractor, tell) for plane, regions in planes.items()})


def sigma_of_contrast(planes: Mapping[str, RegionSet], contrast: float) -> float | None:
    """Return the sigma in pixels that gives all syntheses together a mean local contrast; None if there is none.

    Args:
        planes: Syntheses by plane.
        contrast: In grey levels.
    """
    every = [region for regions in planes.values() for region in regions.read()]
    return equal_blur([synthetic for _, synthetic, _ in every], [region for *_, region in every], contrast)


def _metrics(
    regions: RegionSet, sigma: float, size: int, extractor: FeatureExtractor, tell: Callable[[], None]
) -> dict[str, Sampled]:
    near, smooth = [], []
    for real, synthetic, region in regions.read():
        smooth.append((real, blurred(synthetic, region, sigma), region))
        seen = perceive(*smooth[-1], extractor)
        distances = {"perceptual": seen.distance, "perceptual_roi": seen.roi_distance}
        near.append(likeness(canvas_pair(*smooth[-1], size)) | distances)
        tell()
    metrics = {name: sampled_mean(np.array([one[name] for one in near]), regions.draws) for name in CONTROLLED}
    return metrics | ruler_metrics(values_of_regions(smooth), regions)
