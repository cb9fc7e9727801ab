"""DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095, algorithm 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fetalflex.diffusion.ddim import ddim_step
from fetalflex.diffusion.sampling import Callback, Denoiser, Transform, run_steps
from fetalflex.diffusion.schedule import NoiseSchedule


def sample_dpm_solver(
    denoiser: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    generators: Sequence[torch.Generator],  # noqa: ARG001 - part of the signature; this sampler draws nothing
    transform: Transform | None = None,
    callback: Callback | None = None,
    end: int | None = None,
) -> Tensor:
    """Sample with the multistep solver of second order, good from about 15 steps on.

    The first step and the one to the clean end are of first order, where the solver is DDIM. See `Sampler` for the
    arguments.
    """
    newest: tuple[float, Tensor] | None = None

    def advance(x: Tensor, noise: Tensor, timestep: int, previous: int | None) -> tuple[Tensor, Tensor]:
        nonlocal newest
        first_order, denoised = ddim_step(x, noise, schedule.alpha(timestep), schedule.alpha(previous))
        before, newest = newest, (schedule.log_snr(timestep), denoised)
        if before is None or previous is None:
            return first_order, denoised
        # x_t = (σ_t/σ_s)·x_s - α_t·(exp(-h) - 1)·D with D = x̂_0(s) + (x̂_0(s) - x̂_0(r)) / (2·(λ_s - λ_r)/h)
        h = schedule.log_snr(previous) - newest[0]
        ratio = (newest[0] - before[0]) / h
        trend = (denoised - before[1]) / (2 * ratio)
        factor = schedule.alpha(previous).sqrt() * -torch.expm1(torch.tensor(-h))
        return first_order + factor * trend, denoised

    return run_steps(advance, denoiser, x, timesteps, transform, callback, end)
