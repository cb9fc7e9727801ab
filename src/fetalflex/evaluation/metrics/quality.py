"""How near each synthetic image comes to the real one whose layout it was given."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from fetalflex.evaluation.canvas_images import CanvasPair, batch_of
from fetalflex.evaluation.metrics.ms_ssim import ms_ssim
from fetalflex.evaluation.metrics.psnr import psnr
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays

Array = NDArray[np.float64]

_GREY_RANGE = 255


def likeness(pair: CanvasPair) -> dict[str, float]:
    """Return how near a synthetic image comes to its real one, by the names of `QUALITY`; padding does not count."""
    content, roi = batch_of([pair.content]), batch_of([pair.roi])
    x, y = (batch_of([image]).double() for image in (pair.real, pair.synthetic))
    return {
        "psnr": float(psnr(x, y, _GREY_RANGE, content)),
        "psnr_roi": float(psnr(x, y, _GREY_RANGE, roi)),
        "ms_ssim": float(ms_ssim(x, y, _GREY_RANGE, content)),
        "ms_ssim_roi": float(ms_ssim(x, y, _GREY_RANGE, roi)),
    }


def reconstruction(pair: CanvasPair, vae: AutoencoderKL, device: torch.device) -> dict[str, float]:
    """Return how near the autoencoder alone comes to the real image: no synthesis can be better.

    Padding counts in `reconstruction_psnr_canvas` alone.

    Args:
        pair: Its synthetic image is not looked at.
        vae: The model's autoencoder.
        device: Of the autoencoder.
    """
    content = batch_of([pair.content])
    x, z = (batch_of([image]).double() for image in (pair.real, _reconstructed(vae, pair.real, device)))
    return {
        "reconstruction_psnr": float(psnr(x, z, _GREY_RANGE, content)),
        "reconstruction_ms_ssim": float(ms_ssim(x, z, _GREY_RANGE, content)),
        "reconstruction_psnr_canvas": float(psnr(x, z, _GREY_RANGE)),
    }


@torch.no_grad()
def _reconstructed(vae: AutoencoderKL, image: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    pixels = pixels_from_arrays([image]).to(device)
    reconstruction: NDArray[np.uint8] = grey_from_pixels(decode(vae, encode(vae, pixels)))[0]
    return reconstruction
