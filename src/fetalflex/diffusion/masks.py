"""Masks at the resolution of latents."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def mask_to_latents(roi_mask: Tensor, size: int) -> Tensor:
    """Return the ROI mask at latent resolution; a latent is unknown if any of its pixels is.

    Args:
        roi_mask: (B, 1, H, W), 1 inside the ROI.
        size: Side of the latent; divides H and W.
    """
    return F.max_pool2d(roi_mask.float(), kernel_size=roi_mask.shape[-1] // size)


def share_of_latents(mask: Tensor, size: int) -> Tensor:
    """Return the share of each latent's pixels that a mask marks, (B, 1, h, w).

    Args:
        mask: (B, 1, H, W), 1 inside.
        size: Side of the latent; divides H and W.
    """
    return F.avg_pool2d(mask.float(), kernel_size=mask.shape[-1] // size)
