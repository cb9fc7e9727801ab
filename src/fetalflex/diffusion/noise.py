"""One random generator per sample, so that an image does not depend on the batch it was made in."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def sample_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one CPU generator per seed; CPU, so that the same seed gives the same noise on every device."""
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def noise_like(reference: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return standard normal noise of the shape, device and dtype of `reference`, (B, ...), one generator per sample.

    Raises:
        ValueError: If there is not one generator per sample.
    """
    if len(generators) != len(reference):
        raise ValueError(f"{len(reference)} samples need as many generators, got {len(generators)}")
    return sample_noise(tuple(reference.shape[1:]), generators).to(reference.device, reference.dtype)


def sample_noise(shape: tuple[int, ...], generators: Sequence[torch.Generator]) -> Tensor:
    """Return standard normal noise (len(generators), *shape) float32 on the CPU."""
    return torch.stack([torch.randn(shape, generator=generator) for generator in generators])
