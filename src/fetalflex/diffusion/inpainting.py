"""Keep the known background while the ROI is sampled."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fetalflex.diffusion.noise import noise_like
from fetalflex.diffusion.sampling import Step, Transform
from fetalflex.diffusion.schedule import NoiseSchedule


def keep_background(
    background: Tensor, roi_mask: Tensor, schedule: NoiseSchedule, generators: Sequence[torch.Generator]
) -> Transform:
    """Return the transform of conditional inpainting, equation 5.

    After each step the known region is replaced by the background, noised to the level at which the step arrived:

        x_{t-1} ← roi · x_{t-1} + (1 - roi) · (√ᾱ_{t-1} · background + √(1 - ᾱ_{t-1}) · ε)

    The paper's m is 1 - roi, and it prints ᾱ_t; the level must be that of x_{t-1}. The last step is left alone, so that
    both regions end up coherent.

    Args:
        background: Latents of the image to keep, (B, C, h, w).
        roi_mask: 1 where the image is sampled, 0 where it is known, (B, 1, h, w), at latent resolution.
        schedule: ᾱ_t.
        generators: One per sample; each step draws fresh noise from them.
    """

    def transform(x: Tensor, step: Step) -> Tensor:
        if step.is_last:
            return x
        # Equation 5
        alpha = schedule.alpha(step.previous_timestep)
        known = alpha.sqrt() * background + (1 - alpha).sqrt() * noise_like(background, generators)
        return roi_mask * x + (1 - roi_mask) * known

    return transform
