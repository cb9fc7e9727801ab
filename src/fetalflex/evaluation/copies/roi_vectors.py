"""Vectors of regions to synthesise, in which sets are compared and copies are found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from fetalflex.evaluation.canvas_images import roi_on_canvas
from fetalflex.evaluation.copies.grey_vectors import grey_vector, mirrored_grey_vector
from fetalflex.evaluation.metrics.extractors import FeatureExtractor
from fetalflex.evaluation.metrics.features import copy_features
from fetalflex.models.latents import pixels_from_arrays

Array = NDArray[np.float64]
Roi = tuple[NDArray[np.uint8], NDArray[np.bool_]]
"""Image and ROI mask."""


@dataclass(frozen=True)
class RoiVectors:
    """Vectors of N regions.

    Args:
        pooled: For KID, (N, D).
        features: For the search of copies, (N, F): as the region is and, if asked for, mirrored left to right.
        grey: Likewise, of grey values at 64 x 64 pixels, (N, 4096); their Euclidean distance is √(1 - r), with r the
            correlation of two regions' grey values.
    """

    pooled: Array
    features: list[Array]
    grey: list[Array]

    def __len__(self) -> int:
        return len(self.pooled)


def roi_vectors(rois: Iterable[Roi], extractor: FeatureExtractor, mirrored: bool, batch_size: int) -> RoiVectors:
    """Compute vectors of regions.

    Args:
        rois: Images, (H, W) uint8, with their ROI masks, (H, W) bool; at least one.
        extractor: Gives features of the regions.
        mirrored: Whether copies are also searched by the mirrored regions, since training may mirror images.
        batch_size: Regions that are computed together.
    """
    parts: list[RoiVectors] = []
    batch: list[Roi] = []
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
def _vectors(rois: list[Roi], extractor: FeatureExtractor, mirrored: bool) -> RoiVectors:
    canvases = [roi_on_canvas(image, roi_mask, extractor.size) for image, roi_mask in rois]
    views = [canvases, [np.ascontiguousarray(canvas[:, ::-1]) for canvas in canvases]] if mirrored else [canvases]
    maps = [extractor.maps(pixels_from_arrays(view)) for view in views]
    greys = (grey_vector, mirrored_grey_vector) if mirrored else (grey_vector,)
    return RoiVectors(
        extractor.vectors(maps[0]).cpu().numpy(),
        [copy_features(one).cpu().numpy() for one in maps],
        [np.stack([vector(*roi) for roi in rois]).astype(np.float64) / np.sqrt(2) for vector in greys],
    )
