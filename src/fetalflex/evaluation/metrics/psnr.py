"""Peak signal-to-noise ratio, of whole images or of a region."""

from __future__ import annotations

import torch
from torch import Tensor

from fetalflex.errors import FetalFlexError


def psnr(x: Tensor, y: Tensor, data_range: float, mask: Tensor | None = None) -> Tensor:
    """Return 10·log10(data_range² / mean squared error) of each image pair, (B,) float64, in dB.

    Args:
        x: Images (B, C, H, W).
        y: Images of the same shape.
        data_range: Difference between the largest and the smallest possible value.
        mask: (B, 1, H, W), True on the pixels that count; all of them by default.

    Returns:
        Infinity where the two images are equal on every pixel that counts.

    Raises:
        FetalFlexError: If a mask marks nothing.
    """
    errors = (x.double() - y.double()).square().mean(dim=1, keepdim=True)
    weights = torch.ones_like(errors) if mask is None else mask.to(errors)
    count = weights.sum(dim=(1, 2, 3))
    if not bool((count > 0).all()):
        raise FetalFlexError(f"the mask of image {int((count <= 0).nonzero()[0])} marks no pixel, so it has no PSNR")
    return 10 * torch.log10(data_range**2 / ((errors * weights).sum(dim=(1, 2, 3)) / count))
