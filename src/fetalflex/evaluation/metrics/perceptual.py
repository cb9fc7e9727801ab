"""Perceptual distance: how far apart two images are in the eyes of a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics.features import channel_normalised


def perceptual_distance(x: Sequence[Tensor], y: Sequence[Tensor], mask: Tensor | None = None) -> Tensor:
    """Return the distance of each image pair, (B,) float32, from 0 (same features) to 4 (opposite ones).

    As LPIPS (Zhang et al. 2018) without learnt weights: the squared distance of the channel-normalised features,
    averaged over positions, then over maps.

    Args:
        x: Feature maps of a `FeatureExtractor`, each (B, C_i, h_i, w_i).
        y: Feature maps of the other images.
        mask: (B, 1, H, W), True on the pixels that count, at any resolution; a position weighs as much as the share of
            it that the mask marks. All of them by default.

    Raises:
        FetalFlexError: If a mask marks nothing.
    """
    distances = []
    for map_x, map_y in zip(x, y, strict=True):
        squared = (channel_normalised(map_x) - channel_normalised(map_y)).square().sum(dim=1, keepdim=True)
        weights = torch.ones_like(squared)
        if mask is not None:
            weights = F.interpolate(mask.to(squared), squared.shape[-2:], mode="area")
        total = weights.sum(dim=(1, 2, 3))
        if not bool((total > 0).all()):
            raise FetalFlexError(f"the mask of image {int((total <= 0).nonzero()[0])} marks no pixel")
        distances.append((squared * weights).sum(dim=(1, 2, 3)) / total)
    return torch.stack(distances).mean(dim=0)
