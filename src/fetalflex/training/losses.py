"""Loss functions of tensors."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def ssim(x: Tensor, y: Tensor, data_range: float, window: int = 11, sigma: float = 1.5) -> Tensor:
    """Return the structural similarity of each image pair, (B,), averaged over channels and valid positions.

    Wang et al. 2004 with a Gaussian window, K1 = 0.01, K2 = 0.03.

    Args:
        x: Images or latents (B, C, H, W); H and W at least `window`.
        y: Images of the same shape.
        data_range: Difference between the largest and the smallest possible value.
        window: Side of the window in pixels, odd.
        sigma: Standard deviation of the window in pixels.
    """
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    channels = x.shape[1]
    moments = torch.cat([x, y, x * x, y * y, x * y], dim=1)
    with torch.autocast(x.device.type, enabled=False):  # variances are differences of near-equal numbers
        mean_x, mean_y, xx, yy, xy = _blur(moments, window, sigma).split(channels, dim=1)
    variance_x, variance_y, covariance = xx - mean_x**2, yy - mean_y**2, xy - mean_x * mean_y
    similarity = ((2 * mean_x * mean_y + c1) * (2 * covariance + c2)) / (
        (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    )
    return similarity.mean(dim=(1, 2, 3))


def _blur(x: Tensor, window: int, sigma: float) -> Tensor:
    positions = torch.arange(window, dtype=x.dtype, device=x.device) - (window - 1) / 2
    kernel = torch.exp(-(positions**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    channels = x.shape[1]
    x = F.conv2d(x, kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return F.conv2d(x, kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)


def weighted_error(predicted: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Return the mean squared error of the prediction: with the ROI mask as weight, the first term of equation 10.

    Args:
        predicted: ε̂ (or v̂), (B, C, h, w).
        target: ε (or v), the same shape.
        weight: How much a position counts, (B, 1, h, w).
    """
    error = (predicted.float() - target).square().mean(dim=1, keepdim=True)
    return (error * weight).sum() / weight.sum().clamp_min(1.0)


def structure_error(denoised: Tensor, clean: Tensor, signal_share: Tensor, data_range: float) -> Tensor:
    """Return the mean over samples of ᾱ_t · (1 - SSIM(x̂_0, x_0)): the second term of equation 10, over the whole image.

    At high noise the estimate x̂_0 means little, hence the weight ᾱ_t. The window shrinks to what a small latent holds.

    Args:
        denoised: x̂_0, (B, C, h, w), latents or images.
        clean: x_0, the same shape.
        signal_share: ᾱ_t of each sample, (B,).
        data_range: Difference between the largest and the smallest usual value.
    """
    side = min(*clean.shape[-2:], 11)
    similarity = ssim(denoised.float(), clean.float(), data_range, window=side - (side + 1) % 2)
    return (signal_share * (1 - similarity)).mean()
