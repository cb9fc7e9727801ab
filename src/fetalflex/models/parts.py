"""Compute many images part by part, so that memory follows from the network and not from their number."""

from __future__ import annotations

from collections.abc import Sequence

from fetalflex.models.configs import ModelConfig

LARGEST_FEATURE_MAP = 2**24
"""Values of the largest feature map that is computed at a time; 64 MiB in float32."""


def part_size(values: int) -> int:
    """Return how many images to compute at a time, at least one.

    Args:
        values: Size of the network's largest feature map for one image: channels times height times width.
    """
    return max(1, LARGEST_FEATURE_MAP // values)


def parts_of(count: int, values: int) -> list[slice]:
    """Divide `count` images into parts of `part_size(values)`, in order; at least one part."""
    size = part_size(values)
    return [slice(start, min(start + size, count)) for start in range(0, max(count, 1), size)]


def denoiser_values(config: ModelConfig) -> int:
    """Return the size of the denoiser's largest feature map for one image.

    It is the first of the finest resolution on the way up: what comes from the resolution below, beside the skip
    connection. What attention blocks keep inside, up to eight times their input, is not counted.
    """
    return sum(config.denoiser.channels[:2]) * config.latent_size**2


def encoder_values(channels: Sequence[int], pixels: int) -> int:
    """Return the size of the autoencoder's largest feature map for one image, on the way to the latent.

    Args:
        channels: Its feature channels per resolution, finest first.
        pixels: Height times width of the image.
    """
    return channels[0] * pixels


def decoder_values(channels: Sequence[int], pixels: int) -> int:
    """Return the same on the way back; the finest resolution begins with what comes from the one below."""
    return max(channels[:2]) * pixels
