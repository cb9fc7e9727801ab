"""The noise schedule of a model, and the forward process."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from fetalflex.errors import FetalFlexError


@dataclass(frozen=True)
class NoiseSchedule:
    """ᾱ_t of the forward process and the time steps at which samplers stop.

    Args:
        alphas_cumprod: ᾱ_t for t = 0 .. T-1, (T,) float32 on the CPU, decreasing.
        final_alpha_cumprod: ᾱ of the step after the last, usually 1.
        scheduler: The diffusers scheduler that the two come from; it spaces the time steps.
    """

    alphas_cumprod: Tensor
    final_alpha_cumprod: Tensor
    scheduler: DDIMScheduler

    @classmethod
    def from_scheduler(cls, scheduler: DDIMScheduler) -> NoiseSchedule:
        """Take the schedule of a diffusers scheduler."""
        return cls(scheduler.alphas_cumprod, torch.as_tensor(scheduler.final_alpha_cumprod), scheduler)

    @property
    def train_timesteps(self) -> int:
        """Return T."""
        return len(self.alphas_cumprod)

    def timesteps(self, steps: int) -> list[int]:
        """Return `steps` time steps from noisy to clean, spaced as the model's scheduler does.

        Raises:
            FetalFlexError: If there are fewer than 1 or more than T steps.
        """
        if not 1 <= steps <= self.train_timesteps:
            raise FetalFlexError(f"steps is {steps}; choose a number from 1 to {self.train_timesteps}")
        scheduler = DDIMScheduler.from_config(self.scheduler.config)
        scheduler.set_timesteps(steps)
        # For some counts, such as 103, rounding makes diffusers append a step at -1.
        return [int(t) for t in scheduler.timesteps[:steps]]

    def alpha(self, timestep: int | None) -> Tensor:
        """Return ᾱ_t as a scalar; None stands for the clean end of the process."""
        return self.final_alpha_cumprod if timestep is None else self.alphas_cumprod[timestep]

    def log_snr(self, timestep: int) -> float:
        """Return λ_t = ln(√ᾱ_t / √(1 - ᾱ_t)), half the logarithm of the signal-to-noise ratio."""
        alpha = float(self.alphas_cumprod[timestep].double())
        return 0.5 * math.log(alpha / (1 - alpha))

    def add_noise(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return x_t = √ᾱ_t · x_0 + √(1 - ᾱ_t) · ε, equation 1.

        Args:
            clean: x_0, (B, C, h, w).
            noise: ε, the same shape.
            timesteps: t of each sample, (B,) int64.
        """
        alpha = self._alpha_of(timesteps, clean)
        return alpha.sqrt() * clean + (1 - alpha).sqrt() * noise

    def target(self, clean: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Return what the denoiser is trained to predict at x_t: ε, or v = √ᾱ_t · ε - √(1 - ᾱ_t) · x_0.

        The arguments are those of `add_noise`.
        """
        if not self.predicts_v:
            return noise
        alpha = self._alpha_of(timesteps, clean)
        return alpha.sqrt() * noise - (1 - alpha).sqrt() * clean

    def noise_from_prediction(self, prediction: Tensor, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """Return ε̂ from what the denoiser predicts: the prediction itself, or ε̂ = √ᾱ_t · v̂ + √(1 - ᾱ_t) · x_t.

        Args:
            prediction: Output of the denoiser, (B, C, h, w).
            noisy: x_t, the same shape.
            timesteps: t of each sample, (B,) or () int64.
        """
        if not self.predicts_v:
            return prediction
        alpha = self._alpha_of(timesteps, noisy)
        return alpha.sqrt() * prediction + (1 - alpha).sqrt() * noisy

    def denoised_from_prediction(self, prediction: Tensor, noisy: Tensor, timesteps: Tensor) -> Tensor:
        """Return x̂_0 from what the denoiser predicts; the arguments are those of `noise_from_prediction`.

        From ε̂ it is (x_t - √(1 - ᾱ_t) · ε̂) / √ᾱ_t, from v̂ it is √ᾱ_t · x_t - √(1 - ᾱ_t) · v̂.
        """
        alpha = self._alpha_of(timesteps, noisy)
        if self.predicts_v:
            return alpha.sqrt() * noisy - (1 - alpha).sqrt() * prediction
        return (noisy - (1 - alpha).sqrt() * prediction) / alpha.sqrt()

    def signal_share(self, timesteps: Tensor) -> Tensor:
        """Return ᾱ_t of each sample, (B,): the share of x_t's power that is signal."""
        return self.alphas_cumprod.to(timesteps.device)[timesteps]

    @property
    def predicts_v(self) -> bool:
        """Say whether the model's denoiser predicts v; otherwise it predicts ε."""
        return bool(self.scheduler.config.prediction_type == "v_prediction")

    def _alpha_of(self, timesteps: Tensor, like: Tensor) -> Tensor:
        return self.alphas_cumprod.to(like.device)[timesteps.to(like.device)].view(-1, 1, 1, 1)
