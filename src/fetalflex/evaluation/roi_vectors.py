"""Vectors of regions to synthesise, in which sets are compared and copies are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fetalflex.anatomy import Canvas
from fetalflex.evaluation.extractors import FeatureExtractor
from fetalflex.evaluation.features import copy_features, pooled_features
from fetalflex.evaluation.memorisation import correlation_vectors
from fetalflex.models.latents import pixels_from_arrays

Array = NDArray[np.float64]
Image = NDArray[np.uint8]

_GREY_SIDE = 64


@dataclass(frozen=True)
class RoiVectors:
    """Hold vectors of N regions.

    Args:
        pooled: For KID, (N, D).
        features: For the search of copies, (N, F): as the region is and, if asked for, mirrored left to right.
        grey: Likewise, of grey values at 64 x 64 pixels, (N, 4096).
    """

    pooled: Array
    features: list[Array]
    grey: list[Array]

    def __len__(self) -> int:
        return len(self.pooled)


def roi_vectors(rois: Iterable[Image], extractor: FeatureExtractor, mirrored: bool, batch_size: int) -> RoiVectors:
    """Compute vectors of regions.

    Args:
        rois: Of `roi_on_canvas`, each (S, S) uint8; at least one.
        extractor: Of size S.
        mirrored: Whether copies are also searched by the mirrored regions, since training may mirror images.
        batch_size: Regions that are computed together.
    """
    parts: list[RoiVectors] = []
    batch: list[Image] = []
    for roi in rois:
        batch.append(roi)
        if len(batch) == batch_size:
            parts.append(_vectors(batch, extractor, mirrored))
            batch = []
    if batch:
        parts.append(_vectors(batch, extractor, mirrored))
    return joined(parts)


def joined(parts: Sequence[RoiVectors]) -> RoiVectors:
    """Return the vectors of several sets of regions as one set."""
    return RoiVectors(
        np.concatenate([part.pooled for part in parts]),
        [np.concatenate(views) for views in zip(*(part.features for part in parts), strict=True)],
        [np.concatenate(views) for views in zip(*(part.grey for part in parts), strict=True)],
    )


@torch.no_grad()
def _vectors(rois: list[Image], extractor: FeatureExtractor, mirrored: bool) -> RoiVectors:
    views = [rois, [np.ascontiguousarray(roi[:, ::-1]) for roi in rois]] if mirrored else [rois]
    maps = [extractor.maps(pixels_from_arrays(view)) for view in views]
    return RoiVectors(
        pooled_features(maps[0]).cpu().numpy(),
        [copy_features(one).cpu().numpy() for one in maps],
        [correlation_vectors(np.stack([_small(roi) for roi in view])) for view in views],
    )


def _small(roi: Image) -> Image:
    return Canvas(roi.shape[1], roi.shape[0], _GREY_SIDE).image_to_canvas(roi)
