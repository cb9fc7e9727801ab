"""Denoisers whose right answer is known, and diffusers schedulers to compare with."""

from __future__ import annotations

from diffusers import DDIMScheduler
from torch import Tensor

from fetalflex.diffusion.sampling import Denoiser
from fetalflex.diffusion.schedule import NoiseSchedule


def scheduler(spacing: str = "trailing", prediction: str = "epsilon") -> DDIMScheduler:
    """The paper's schedule: linear β from 1e-4 to 0.02, T = 1000."""
    return DDIMScheduler(
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        clip_sample=False,
        timestep_spacing=spacing,
        prediction_type=prediction,
    )


def perfect_denoiser(clean: Tensor, schedule: NoiseSchedule) -> Denoiser:
    """Return the denoiser that knows x_0: the noise is what is left of x_t."""

    def denoiser(x: Tensor, timestep: int) -> Tensor:
        alpha = schedule.alpha(timestep)
        return (x - alpha.sqrt() * clean) / (1 - alpha).sqrt()

    return denoiser


def bent_denoiser(x: Tensor, timestep: int) -> Tensor:
    """Return a smooth, non-linear function of x_t and t, bounded as noise is."""
    return (x * (1.0 + timestep / 1000)).sin() + 0.3 * x.roll(1, -1).cos()
