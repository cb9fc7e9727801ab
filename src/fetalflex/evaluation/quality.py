"""How near each synthetic image comes to the real one whose layout it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.evaluation.canvas_images import CanvasPair, batch_of
from fetalflex.evaluation.extractors import FeatureExtractor
from fetalflex.evaluation.features import pooled_features
from fetalflex.evaluation.ms_ssim import ms_ssim
from fetalflex.evaluation.perceptual import perceptual_distance
from fetalflex.evaluation.psnr import psnr
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays

Array = NDArray[np.float64]

_GREY_RANGE = 255


@dataclass(frozen=True)
class Quality:
    """Hold what was measured on N pairs of images.

    Args:
        values: By metric, (N,).
        real: Pooled features of the real images, (N, D).
        synthetic: Pooled features of the synthetic images, (N, D).
    """

    values: dict[str, Array]
    real: Array
    synthetic: Array


def measure_quality(
    pairs: Sequence[CanvasPair], extractor: FeatureExtractor, vae: AutoencoderKL, device: torch.device
) -> Quality:
    """Compare pairs of images on the canvas; padding around them counts in `reconstruction_psnr_canvas` alone.

    Pairs are measured one by one, so that no number depends on what else is in the batch.

    Args:
        pairs: Real and synthetic images.
        extractor: For perceptual distance and features; its size is that of the pairs.
        vae: Autoencoder whose reconstruction of the real images is measured too: no synthesis can be better.
        device: Of the autoencoder.
    """
    return joined([_measure(pair, extractor, vae, device) for pair in pairs])


def _measure(pair: CanvasPair, extractor: FeatureExtractor, vae: AutoencoderKL, device: torch.device) -> Quality:
    content = batch_of([pair.content])
    real_maps, synthetic_maps = (extractor.maps(pixels_from_arrays([image])) for image in (pair.real, pair.synthetic))
    x, z = (batch_of([image]).double() for image in (pair.real, _reconstructed(vae, pair.real, device)))
    values = _likeness(pair, real_maps, synthetic_maps) | {
        "reconstruction_psnr": psnr(x, z, _GREY_RANGE, content),
        "reconstruction_ms_ssim": ms_ssim(x, z, _GREY_RANGE, content),
        "reconstruction_psnr_canvas": psnr(x, z, _GREY_RANGE),
    }
    return Quality(
        {name: _array(value) for name, value in values.items()},
        _array(pooled_features(real_maps)),
        _array(pooled_features(synthetic_maps)),
    )


def likeness(pair: CanvasPair, extractor: FeatureExtractor) -> dict[str, float]:
    """Return how near one synthetic image comes to its real one, by the names of `CONTROLLED`."""
    maps = (extractor.maps(pixels_from_arrays([image])) for image in (pair.real, pair.synthetic))
    return {name: float(value) for name, value in _likeness(pair, *maps).items()}


def _likeness(pair: CanvasPair, real_maps: list[Tensor], synthetic_maps: list[Tensor]) -> dict[str, Tensor]:
    content, roi = batch_of([pair.content]), batch_of([pair.roi])
    x, y = (batch_of([image]).double() for image in (pair.real, pair.synthetic))
    return {
        "psnr": psnr(x, y, _GREY_RANGE, content),
        "psnr_roi": psnr(x, y, _GREY_RANGE, roi),
        "ms_ssim": ms_ssim(x, y, _GREY_RANGE, content),
        "ms_ssim_roi": ms_ssim(x, y, _GREY_RANGE, roi),
        "perceptual": perceptual_distance(real_maps, synthetic_maps, content),
        "perceptual_roi": perceptual_distance(real_maps, synthetic_maps, roi),
    }


def joined(parts: Sequence[Quality]) -> Quality:
    """Return what was measured on all pairs of several batches."""
    values = {name: np.concatenate([part.values[name] for part in parts]) for name in parts[0].values}
    real, synthetic = (np.concatenate([getattr(part, side) for part in parts]) for side in ("real", "synthetic"))
    return Quality(values, real, synthetic)


@torch.no_grad()
def _reconstructed(vae: AutoencoderKL, image: NDArray[np.uint8], device: torch.device) -> NDArray[np.uint8]:
    pixels = pixels_from_arrays([image]).to(device)
    reconstruction: NDArray[np.uint8] = grey_from_pixels(decode(vae, encode(vae, pixels)))[0]
    return reconstruction


def _array(tensor: Tensor) -> Array:
    return tensor.detach().to("cpu", torch.float64).numpy()
