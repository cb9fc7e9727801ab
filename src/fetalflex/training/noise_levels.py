"""Which noise levels a batch is trained at."""

from __future__ import annotations

import torch
from torch import Tensor

from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.training.config import NoiseLevels


def draw_timesteps(schedule: NoiseSchedule, count: int, generator: torch.Generator, levels: NoiseLevels) -> Tensor:
    """Draw the time step of each of B samples, (B,) int64.

    A share of them is uniform over the schedule. The others lie where ln σ, σ = √(1 - ᾱ_t) / √ᾱ_t, is normally
    distributed (Karras et al. 2022): the time step whose ln σ is nearest to the number that was drawn, so that mass
    beyond the schedule's ends falls on its ends.

    Args:
        schedule: Has the time steps.
        count: B.
        generator: Source of all draws.
        levels: Mean and standard deviation of ln σ, and the uniform share.
    """
    uniform = torch.randint(0, schedule.train_timesteps, (count,), generator=generator)
    if levels.uniform_share == 1:
        return uniform
    alphas = schedule.alphas_cumprod.double()
    log_sigma = 0.5 * ((1 - alphas) / alphas).log()
    between = (log_sigma[1:] + log_sigma[:-1]) / 2
    drawn = levels.mean + levels.std * torch.randn(count, generator=generator, dtype=torch.float64)
    chosen = torch.rand(count, generator=generator) < levels.uniform_share
    return torch.where(chosen, uniform, torch.bucketize(drawn, between))
