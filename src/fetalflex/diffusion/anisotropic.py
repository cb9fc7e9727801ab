"""Anisotropic diffusion of latents, and SSA: its use inside the sampling loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from fetalflex.diffusion.sampling import Step, Transform
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError

Smoothed = Literal["latent", "estimate"]


@dataclass(frozen=True)
class Smoothing:
    """Describe the anisotropic diffusion of SSA, equations 6 to 9.

    After each sampling step, with A the diffusion of `iterations` rounds and w_t = weight · (1 - ᾱ_t)^decay:

        x_t ← x_t + w_t · [A(x_t) - x_t]                  smoothed = "latent", as the paper writes it
        x_t ← x_t + w_t · √ᾱ_t · [A(x̂_0) - x̂_0]           smoothed = "estimate": the noise in x_t is left alone

    Args:
        iterations: Rounds of diffusion per sampling step, n.
        rate: Step δ of a round, in (0, 1/4]; up to there no value leaves the range of its neighbours.
        edge_quantile: Quantile of the sample's differences between neighbours that is taken as κ; differences well
            above κ are edges and stay.
        weight: Share of the smoothed latent; 1 replaces the latent by it.
        decay: How fast the share falls towards the clean end, where speckle forms; 0 keeps it.
        smoothed: What is smoothed.
    """

    iterations: int = 2
    rate: float = 0.2
    edge_quantile: float = 0.5
    weight: float = 1.0
    decay: float = 1.0
    smoothed: Smoothed = "estimate"

    def __post_init__(self) -> None:
        for name, low, high in (("rate", 0.0, 0.25), ("edge_quantile", 0.0, 1.0), ("weight", 0.0, 1.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise FetalFlexError(f"smoothing.{name} is {value}; choose a number from {low:g} to {high:g}")
        if not 0 <= self.decay <= 100:
            raise FetalFlexError(f"smoothing.decay is {self.decay}; choose a number from 0 to 100")
        if not isinstance(self.iterations, int) or not 1 <= self.iterations <= 1000:
            raise FetalFlexError(f"smoothing.iterations is {self.iterations}; choose a whole number from 1 to 1000")
        if self.smoothed not in get_args(Smoothed):
            raise FetalFlexError(f"smoothing.smoothed is {self.smoothed!r}; choose 'latent' or 'estimate'")


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
