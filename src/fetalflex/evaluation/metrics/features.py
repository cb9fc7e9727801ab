"""What is made of feature maps: unit vectors at each position, and vectors in which copies are found."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

_COPY_GRID = 8


def channel_normalised(features: Tensor) -> Tensor:
    """Return features (B, C, h, w) with the vector of channels at each position scaled to length 1."""
    return features / features.square().sum(dim=1, keepdim=True).add(1e-10).sqrt()


def copy_features(maps: Sequence[Tensor]) -> Tensor:
    """Return one vector per image, (B, D) float32, in which an image and its near-copy lie close together.

    The deepest map but one, of at least two, channel-normalised and averaged over a grid of at most 8 x 8 cells, scaled
    so that the distance of two vectors is the root mean square over the cells.

    Args:
        maps: Feature maps of a `FeatureExtractor`.
    """
    chosen = channel_normalised(maps[-2])
    rows, columns = (min(_COPY_GRID, side) for side in chosen.shape[-2:])
    cells = F.adaptive_avg_pool2d(chosen, (rows, columns))
    return cells.flatten(1) / (rows * columns) ** 0.5
