"""Anisotropic diffusion of latents, and SSA: its use inside the sampling loop."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from fetalflex.diffusion.sampling import Step, Transform
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.diffusion.smoothing import Smoothing


def smooth_structures(smoothing: Smoothing, schedule: NoiseSchedule) -> Transform:
    """Return the transform that makes any sampler SSA; see `Smoothing`."""

    def transform(x: Tensor, step: Step) -> Tensor:
        alpha = schedule.alpha(step.previous_timestep)
        weight = smoothing.weight * (1 - alpha) ** smoothing.decay
        if smoothing.smoothed == "estimate":
            return x + weight * alpha.sqrt() * (_diffused(step.denoised, smoothing) - step.denoised)
        return x + weight * (_diffused(x, smoothing) - x)

    return transform


def _diffused(x: Tensor, smoothing: Smoothing) -> Tensor:
    return anisotropic_diffusion(x, edge_scale(x, smoothing.edge_quantile), smoothing.iterations, smoothing.rate)


def anisotropic_diffusion(x: Tensor, kappa: Tensor | float, iterations: int, rate: float) -> Tensor:
    """Return x after Perona-Malik diffusion (1990) with four neighbours and no flow across the border.

        x ← x + δ · Σ_d c(∇_d x) · ∇_d x,    c(g) = exp(-(|g| / κ)²)

    Args:
        x: (B, C, h, w); every channel is diffused by itself.
        kappa: κ, one number or (B, 1, 1, 1), in units of x; 0 lets nothing flow.
        iterations: Rounds.
        rate: δ.
    """
    kappa = torch.as_tensor(kappa, dtype=x.dtype, device=x.device).clamp_min(torch.finfo(x.dtype).tiny)
    for _ in range(iterations):
        # What flows from a pixel to the next leaves the one and enters the other.
        flow_down = _flow(x.diff(dim=-2), kappa)
        flow_right = _flow(x.diff(dim=-1), kappa)
        inflow = F.pad(flow_down, (0, 0, 0, 1)) - F.pad(flow_down, (0, 0, 1, 0))
        inflow = inflow + F.pad(flow_right, (0, 1)) - F.pad(flow_right, (1, 0))
        x = x + rate * inflow
    return x


def _flow(gradient: Tensor, kappa: Tensor) -> Tensor:
    return torch.exp(-((gradient / kappa) ** 2)) * gradient


def edge_scale(x: Tensor, quantile: float) -> Tensor:
    """Return κ of each sample, (B, 1, 1, 1): the quantile of the absolute differences between neighbours."""
    differences = torch.cat([x.diff(dim=-2).flatten(1), x.diff(dim=-1).flatten(1)], dim=1).abs()
    if differences.shape[1] == 0:
        return torch.zeros(len(x), 1, 1, 1, dtype=x.dtype, device=x.device)
    rank = round(quantile * (differences.shape[1] - 1)) + 1
    return differences.kthvalue(rank, dim=1).values.view(-1, 1, 1, 1)
