"""What samplers have in common: their signature, and what can be wrapped round their steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fetalflex.diffusion.schedule import NoiseSchedule

Denoiser = Callable[[Tensor, int], Tensor]
"""ε̂(x_t, t): predicts the noise in (B, C, h, w)."""


@dataclass(frozen=True)
class Step:
    """Describe one finished sampling step.

    Args:
        index: 0 for the first step.
        count: Number of steps.
        timestep: t from which the step went.
        previous_timestep: Where it arrived; None at the clean end.
        denoised: Estimate of x_0 at this step, (B, C, h, w).
    """

    index: int
    count: int
    timestep: int
    previous_timestep: int | None
    denoised: Tensor

    @property
    def is_last(self) -> bool:
        """Say whether this step arrived at the clean end."""
        return self.previous_timestep is None


Transform = Callable[[Tensor, Step], Tensor]
"""Changes the latent after a step: inpainting and anisotropic diffusion are such."""

Callback = Callable[[Tensor, Step], None]
"""Sees the latent after each step; may raise to cancel."""


Advance = Callable[[Tensor, Tensor, int, int | None], tuple[Tensor, Tensor]]
"""One step of a solver: (x_t, ε̂, t, where it arrives) to (x there, estimate of x_0)."""


class Sampler(Protocol):
    """The signature of every sampler."""

    def __call__(
        self,
        denoiser: Denoiser,
        x: Tensor,
        schedule: NoiseSchedule,
        timesteps: Sequence[int],
        generators: Sequence[torch.Generator],
        transform: Transform | None = None,
        callback: Callback | None = None,
        end: int | None = None,
    ) -> Tensor:
        """Return x_0 from x_T, or x_end.

        Args:
            denoiser: Predicts the noise.
            x: x_T, (B, C, h, w) float32.
            schedule: ᾱ_t.
            timesteps: From noisy to clean.
            generators: One per sample.
            transform: Applied to the latent after every step.
            callback: Called after the transform.
            end: Time step at which the last step arrives; None stands for the clean end.
        """


def run_steps(
    advance: Advance,
    denoiser: Denoiser,
    x: Tensor,
    timesteps: Sequence[int],
    transform: Transform | None = None,
    callback: Callback | None = None,
    end: int | None = None,
) -> Tensor:
    """Return what a solver makes of x_T: the loop that all samplers share; see `Sampler` for the arguments."""
    for index, timestep in enumerate(timesteps):
        previous = timesteps[index + 1] if index + 1 < len(timesteps) else end
        x, denoised = advance(x, denoiser(x, timestep), timestep, previous)
        step = Step(index, len(timesteps), timestep, previous, denoised)
        if transform is not None:
            x = transform(x, step)
        if callback is not None:
            callback(x, step)
    return x


def compose(*transforms: Transform) -> Transform:
    """Return one transform that applies several, left to right."""

    def apply(x: Tensor, step: Step) -> Tensor:
        for transform in transforms:
            x = transform(x, step)
        return x

    return apply
