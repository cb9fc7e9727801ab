"""Multi-scale structural similarity, of whole images or of a region."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fetalflex.errors import FetalFlexError

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, finest first, of Wang et al. 2003."""

_WINDOW = 11
_SIGMA = 1.5


def ms_ssim(x: Tensor, y: Tensor, data_range: float, mask: Tensor | None = None) -> Tensor:
    """Return the multi-scale structural similarity of each image pair, (B,) float64, from 0 to 1.

    Wang et al. 2003: Gaussian window of 11 px with sigma 1.5, K1 = 0.01, K2 = 0.03, windows wholly inside the image,
    scales by 2x2 averaging, negative means clipped to 0. Of an image too small for five scales, as many are used as the
    window fits, with their exponents scaled to sum to 1.

    With a mask, the similarity of each scale is averaged over the windows whose centre lies in it, weighted by how much
    of the (averaged) centre pixel it marks. Windows at the rim of a region see what lies around it, so this is no crop;
    but it suits regions of any shape. A scale at which no window is centred in the region is left out, as above.

    Args:
        x: Images (B, C, H, W); H and W at least 11.
        y: Images of the same shape.
        data_range: Difference between the largest and the smallest possible value.
        mask: (B, 1, H, W), True on the pixels that count; all of them by default.

    Raises:
        FetalFlexError: If the images are too small, or no window is centred in a mask.
    """
    if min(x.shape[-2:]) < _WINDOW:
        raise FetalFlexError(
            f"MS-SSIM needs images of at least {_WINDOW} x {_WINDOW} px, got {x.shape[-1]} x {x.shape[-2]}"
        )
    x, y = x.double(), y.double()
    marks = torch.ones_like(x[:, :1]) if mask is None else mask.to(x)
    exponents, logs = [], []
    last = _scale_count(min(x.shape[-2:])) - 1
    for scale in range(last + 1):
        similarity, contrast = _similarity_maps(x, y, data_range)
        weights = marks[..., _WINDOW // 2 : -(_WINDOW // 2), _WINDOW // 2 : -(_WINDOW // 2)]
        total = weights.sum(dim=(1, 2, 3))
        mean = ((similarity if scale == last else contrast) * weights).sum(dim=(1, 2, 3)) / total.clamp_min(1e-12)
        exponents.append(torch.where(total > 0, SCALE_WEIGHTS[scale], 0.0))
        logs.append(torch.where(total > 0, mean.clamp_min(0).log(), 0.0))
        if scale < last:
            x, y, marks = (F.avg_pool2d(image, 2) for image in (x, y, marks))
    exponent = torch.stack(exponents)
    if not bool((exponent.sum(dim=0) > 0).all()):
        raise FetalFlexError("no window of the MS-SSIM is centred in the mask; mark a region away from the border")
    exponent = exponent / exponent.sum(dim=0)
    return torch.where(exponent > 0, exponent * torch.stack(logs), 0.0).sum(dim=0).exp()


def _scale_count(side: int) -> int:
    return sum(side // 2**scale >= _WINDOW for scale in range(len(SCALE_WEIGHTS)))


def _similarity_maps(x: Tensor, y: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
    """Return SSIM and its contrast-structure part at every whole window, each (B, 1, H - 10, W - 10)."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    channels = x.shape[1]
    mean_x, mean_y, xx, yy, xy = _blurred(torch.cat([x, y, x * x, y * y, x * y], dim=1)).split(channels, dim=1)
    variances = xx - mean_x**2 + yy - mean_y**2
    contrast = (2 * (xy - mean_x * mean_y) + c2) / (variances + c2)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return (luminance * contrast).mean(dim=1, keepdim=True), contrast.mean(dim=1, keepdim=True)


def _blurred(x: Tensor) -> Tensor:
    positions = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    kernel = torch.exp(-(positions**2) / (2 * _SIGMA**2))
    kernel = kernel / kernel.sum()
    channels = x.shape[1]
    x = F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
