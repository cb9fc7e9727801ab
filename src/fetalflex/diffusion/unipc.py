"""UniPC of second order (Zhao et al. 2023, arXiv:2302.04867), in its B₂ form, predicting x_0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fetalflex.diffusion.ddim import ddim_step
from fetalflex.diffusion.sampling import Callback, Denoiser, Transform, run_steps
from fetalflex.diffusion.schedule import NoiseSchedule


def sample_unipc(
    denoiser: Denoiser,
    x: Tensor,
    schedule: NoiseSchedule,
    timesteps: Sequence[int],
    generators: Sequence[torch.Generator],  # noqa: ARG001 - part of the signature; this sampler draws nothing
    transform: Transform | None = None,
    callback: Callback | None = None,
    end: int | None = None,
) -> Tensor:
    """Sample with a predictor and a corrector that costs no further call of the model.

    The corrector is added to the latent that it corrects; thus whatever a transform did to that latent, such as
    blending in the background, stays. See `Sampler` for the arguments.
    """
    solver = _UniPC(schedule)
    return run_steps(solver.advance, denoiser, x, timesteps, transform, callback, end)


@dataclass
class _UniPC:
    """What the corrector needs of the two steps before.

    `past` has the log signal-to-noise ratio and the estimate of x_0 of earlier steps, newest first; `base` is the
    latent from which the newest step went, `arrived` what the predictor made of it.
    """

    schedule: NoiseSchedule
    past: tuple[tuple[float, Tensor], ...] = ()
    base: Tensor | None = None
    arrived: Tensor | None = None

    def advance(self, x: Tensor, noise: Tensor, timestep: int, previous: int | None) -> tuple[Tensor, Tensor]:
        alpha = self.schedule.alpha(timestep)
        denoised = (x - (1 - alpha).sqrt() * noise) / alpha.sqrt()
        if self.base is not None and self.arrived is not None:
            x = x + (self._correct(denoised, timestep) - self.arrived)
        self.past = ((self.schedule.log_snr(timestep), denoised), *self.past[:1])
        self.base = x
        self.arrived = self._predict(x, denoised, timestep, previous)
        return self.arrived, denoised

    def _predict(self, x: Tensor, denoised: Tensor, timestep: int, previous: int | None) -> Tensor:
        first_order = self._first_order(x, denoised, timestep, previous)
        if len(self.past) < 2 or previous is None:
            return first_order
        (now, _), (earlier, estimate) = self.past
        h = self.schedule.log_snr(previous) - now
        trend = (estimate - denoised) / ((earlier - now) / h)
        # UniP-2: ρ = 1/2
        return first_order - self.schedule.alpha(previous).sqrt() * math.expm1(-h) * 0.5 * trend

    def _correct(self, denoised: Tensor, timestep: int) -> Tensor:
        """Return the step to `timestep` once more, now that the estimate of x_0 there is known."""
        assert self.base is not None
        (now, newest), *older = self.past
        h = self.schedule.log_snr(timestep) - now
        alpha_h = self.schedule.alpha(timestep).sqrt() * math.expm1(-h)
        sigma_ratio = (1 - self.schedule.alpha(timestep)).sqrt() * math.sqrt(1 + math.exp(2 * now))
        first_order = sigma_ratio * self.base - alpha_h * newest
        change = denoised - newest
        if not older:
            return first_order - alpha_h * 0.5 * change  # UniC-1: ρ = 1/2
        (earlier, estimate) = older[0]
        ratio = (earlier - now) / h
        rho_past, rho_now = _corrector_weights(ratio, h)
        return first_order - alpha_h * (rho_past * (estimate - newest) / ratio + rho_now * change)

    def _first_order(self, x: Tensor, denoised: Tensor, timestep: int, previous: int | None) -> Tensor:
        alpha = self.schedule.alpha(timestep)
        noise = (x - alpha.sqrt() * denoised) / (1 - alpha).sqrt()
        return ddim_step(x, noise, alpha, self.schedule.alpha(previous))[0]


def _corrector_weights(ratio: float, h: float) -> tuple[float, float]:
    """Return ρ of UniC-2, which solves [[1, 1], [r, 1]]·ρ = (φ_2, 2·φ_3) / B₂ in the paper's notation."""
    b = math.expm1(-h)
    phi_2 = b / -h - 1
    phi_3 = phi_2 / -h - 0.5
    first, second = phi_2 / b, 2 * phi_3 / b
    rho_past = (first - second) / (1 - ratio)
    return rho_past, first - rho_past
