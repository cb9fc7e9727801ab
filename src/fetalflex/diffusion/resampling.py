"""RePaint's resampling (Lugmayr et al. 2022, arXiv:2201.09865): go back and forth to harmonise ROI and background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fetalflex.diffusion.noise import noise_like
from fetalflex.diffusion.sampling import Callback, Denoiser, Sampler, Step, Transform
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError


@dataclass(frozen=True)
class Resampling:
    """RePaint's resampling schedule.

    Args:
        jump_length: Steps re-noised per jump, RePaint's j.
        repeats: How often each stretch is denoised, RePaint's r; 1 turns resampling off.
    """

    jump_length: int = 5
    repeats: int = 5

    def __post_init__(self) -> None:
        for name, highest in (("jump_length", 1000), ("repeats", 100)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= highest:
                raise FetalFlexError(f"resampling.{name} is {value}; choose a whole number from 1 to {highest}")


def with_resampling(sampler: Sampler, resampling: Resampling) -> Sampler:
    """Return a sampler that goes each stretch of the way several times, adding noise to go back.

    Callbacks and transforms see steps numbered through.
    """

    def sample(
        denoiser: Denoiser,
        x: Tensor,
        schedule: NoiseSchedule,
        timesteps: Sequence[int],
        generators: Sequence[torch.Generator],
        transform: Transform | None = None,
        callback: Callback | None = None,
        end: int | None = None,
    ) -> Tensor:
        count, done = len(timesteps) * resampling.repeats, 0

        def numbered(step: Step) -> Step:
            return replace(step, index=done + step.index, count=count)

        def numbered_transform(x: Tensor, step: Step) -> Tensor:
            return x if transform is None else transform(x, numbered(step))

        def numbered_callback(x: Tensor, step: Step) -> None:
            if callback is not None:
                callback(x, numbered(step))

        for stretch, arrival in _stretches(timesteps, resampling.jump_length, end):
            for repeat in range(resampling.repeats):
                if repeat > 0:
                    x = add_noise_between(x, schedule.alpha(arrival), schedule.alpha(stretch[0]), generators)
                x = sampler(
                    denoiser, x, schedule, stretch, generators, numbered_transform, numbered_callback, end=arrival
                )
                done += len(stretch)
        return x

    return sample


def add_noise_between(x: Tensor, alpha: Tensor, alpha_noisier: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return x_t from x_s, s < t, by the forward process: x_t = √(ᾱ_t/ᾱ_s)·x_s + √(1 - ᾱ_t/ᾱ_s)·ε.

    Args:
        x: x_s, (B, C, h, w).
        alpha: ᾱ_s, scalar.
        alpha_noisier: ᾱ_t, scalar.
        generators: One per sample.
    """
    kept = alpha_noisier / alpha
    return kept.sqrt() * x + (1 - kept).sqrt() * noise_like(x, generators)


def _stretches(timesteps: Sequence[int], length: int, end: int | None) -> Iterator[tuple[Sequence[int], int | None]]:
    """Yield the time steps of each stretch and where it arrives."""
    for start in range(0, len(timesteps), length):
        stop = start + length
        yield timesteps[start:stop], timesteps[stop] if stop < len(timesteps) else end
