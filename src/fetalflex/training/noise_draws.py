"""Noise for a training batch, drawn where the batch is."""

from __future__ import annotations

import torch
from torch import Tensor


def noise_for(clean: Tensor, generator: torch.Generator) -> Tensor:
    """Return standard normal noise like `clean`, on its device.

    On the CPU it comes from the generator itself. On a GPU, where moving noise would take longer than a step, it comes
    from a generator there, which is seeded by the given one; so it is repeatable, but not the same as on the CPU.

    Args:
        clean: x_0, (B, C, h, w) float32.
        generator: On the CPU.
    """
    if clean.device.type == "cpu":
        return torch.randn(clean.shape, generator=generator)
    seed = int(torch.randint(2**62, (), generator=generator))
    return torch.randn(clean.shape, generator=torch.Generator(clean.device).manual_seed(seed), device=clean.device)
