"""Between pixels and latents."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.models.parts import decoder_values, encoder_values, parts_of


def pixels_from_arrays(images: list[NDArray[np.uint8]]) -> Tensor:
    """Return (B, 3, H, W) float32 in [-1, 1] from uint8 arrays, each (H, W) grey or (H, W, 3) RGB."""
    batch = np.stack([np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image for image in images])
    return pixels_from_bytes(torch.from_numpy(batch))


def pixels_from_bytes(images: Tensor) -> Tensor:
    """Return the same from one uint8 tensor, (B, H, W) grey or (B, H, W, 3) RGB, on its device."""
    if images.ndim == 3:
        images = images[..., None].repeat(1, 1, 1, 3)
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def grey_from_pixels(pixels: Tensor) -> NDArray[np.uint8]:
    """Return (B, H, W) uint8 from (B, 3, H, W) in [-1, 1]; values outside are clipped."""
    grey = pixels.mean(dim=1).add(1.0).mul(127.5).round().clamp(0, 255)
    return grey.to(device="cpu", dtype=torch.uint8).numpy()


def rgb_from_pixels(pixels: Tensor) -> NDArray[np.uint8]:
    """Return (B, H, W, 3) uint8 from (B, 3, H, W) in [-1, 1]; values outside are clipped."""
    rgb = pixels.permute(0, 2, 3, 1).add(1.0).mul(127.5).round().clamp(0, 255)
    return rgb.to(device="cpu", dtype=torch.uint8).numpy()


def encode(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Return the mean latents (B, C, h, w) of images (B, 3, H, W) in [-1, 1], scaled for the denoiser.

    Many images are computed part by part.
    """
    values = encoder_values(vae.config.block_out_channels, pixels.shape[-2:].numel())
    parts = [vae.encode(pixels[part].to(vae.dtype)).latent_dist.mode() for part in parts_of(len(pixels), values)]
    return torch.cat(parts).to(pixels.dtype) * vae.config.scaling_factor


def encode_at_once(vae: AutoencoderKL, pixels: Tensor) -> Tensor:
    """Return what `encode` does, computed in one pass: for a GPU, whose memory the caller has looked at."""
    return vae.encode(pixels).latent_dist.mode().to(pixels.dtype) * vae.config.scaling_factor


def decode(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Return images (B, 3, H, W), about [-1, 1], of scaled latents (B, C, h, w).

    Many images are computed part by part.
    """
    channels = vae.config.block_out_channels
    values = decoder_values(channels, latents.shape[-2:].numel() * 4 ** (len(channels) - 1))
    return torch.cat([decode_at_once(vae, latents[part]) for part in parts_of(len(latents), values)]).to(latents.dtype)


def decode_at_once(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Return what `decode` does, computed in one pass: for a loss, whose batch the run has divided already."""
    return vae.decode((latents / vae.config.scaling_factor).to(vae.dtype)).sample
