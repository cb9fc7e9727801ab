"""DDIM (Song et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fetalflex.diffusion.noise import noise_like
from fetalflex.diffusion.sampling import Callback, Denoiser, Transform, run_steps
from fetalflex.diffusion.schedule import NoiseSchedule


def sample_ddim(
    denoiser: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    generators: Sequence[torch.Generator],
    transform: Transform | None = None,
    callback: Callback | None = None,
    end: int | None = None,
    eta: float = 0.0,
) -> Tensor:
    """Sample by equation 3.

    See `Sampler` for the arguments; beside them, `eta` is 0 for deterministic and 1 for ancestral sampling.
    """

    def advance(x: Tensor, noise: Tensor, timestep: int, previous: int | None) -> tuple[Tensor, Tensor]:
        return ddim_step(x, noise, schedule.alpha(timestep), schedule.alpha(previous), eta, generators)

    return run_steps(advance, denoiser, x, timesteps, transform, callback, end)


def ddim_step(
    x: Tensor,
    noise: Tensor,
    alpha: Tensor,
    alpha_previous: Tensor,
    eta: float = 0.0,
    generators: Sequence[torch.Generator] = (),
) -> tuple[Tensor, Tensor]:
    """Return x_{t-1} and the estimate of x_0.

    Args:
        x: x_t, (B, C, h, w).
        noise: ε̂(x_t, t).
        alpha: ᾱ_t, scalar.
        alpha_previous: ᾱ_{t-1}, scalar.
        eta: Share of the ancestral noise.
        generators: One per sample; used only if eta > 0.
    """
    # Scalars stay float32 0-d tensors, so that x keeps its dtype.
    denoised = (x - (1 - alpha).sqrt() * noise) / alpha.sqrt()
    # Equation 3
    sigma = eta * ((1 - alpha_previous) / (1 - alpha) * (1 - alpha / alpha_previous)).clamp_min(0).sqrt()
    direction = (1 - alpha_previous - sigma**2).clamp_min(0).sqrt() * noise
    x = alpha_previous.sqrt() * denoised + direction
    if eta > 0:
        x = x + sigma * noise_like(x, generators)
    return x, denoised
