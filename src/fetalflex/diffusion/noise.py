"""One random generator per sample, so that an image does not depend on the batch it was made in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_STATE = 24
"""Bytes before the words in the state of torch's CPU generator."""


def sample_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one CPU generator per seed; CPU, so that the same seed gives the same noise on every device.

    Args:
        seeds: 0 to 2**63 - 1; different seeds give different noise.
    """
    return [_generator(seed) for seed in seeds]


def _generator(seed: int) -> torch.Generator:
    generator = torch.Generator().manual_seed(seed)
    if seed < 2**32:
        return generator
    # torch's Mersenne Twister looks at the lowest 32 bits of a seed alone; the state of longer ones is numpy's, which
    # looks at all. It lies behind the seed, two flags and a position, one word in eight bytes.
    state = generator.get_state()
    words: NDArray[np.uint32] = np.random.MT19937(seed).state["state"]["key"]
    state[_STATE : _STATE + 8 * len(words)] = torch.from_numpy(words.astype(np.int64)).view(torch.uint8)
    generator.set_state(state)
    return generator


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
