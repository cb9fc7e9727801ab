"""Validation of the control branch: how well it predicts, whether layouts matter, and whether images are memorised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.anatomy import Layout, Registry
from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.models.latents import decode, grey_from_pixels
from fetalflex.pipeline.conditioning import ConditionedDenoiser, LatentConditions, encode_layouts
from fetalflex.spreading import spread_positions
from fetalflex.training.control_branch import ControlBranch
from fetalflex.training.denoiser import validation_noise
from fetalflex.training.latent_cache import Latents
from fetalflex.training.losses import weighted_error
from fetalflex.training.monitoring import NOISE_LEVELS, levels_of, nearest_distances, shrunken, shuffled_within_planes
from fetalflex.training.region_numbers import region_numbers
from fetalflex.training.stage import Validation

_VALIDATION_SAMPLES = 64
_SHOWN_IMAGES = 8
_SHOWN_STEPS = 20
_COPY_SHARE = 0.5


class ControlValidation:
    """Measures the control branch on fixed samples with fixed noise.

    Args:
        branch: What is measured, as it stands.
        training: Latents that the branch is trained on.
        validation: Latents with conditions to measure on.
        layouts: Their layouts, in canvas pixels.
        registry: Draws layout maps.
    """

    def __init__(
        self,
        branch: ControlBranch,
        training: Latents,
        validation: Latents,
        layouts: Sequence[Layout],
        registry: Registry,
    ) -> None:
        self._branch = branch
        self._training = training
        self._validation = validation
        self._chosen = spread_positions(len(validation), _VALIDATION_SAMPLES)
        self._shown = self._chosen[spread_positions(len(self._chosen), _SHOWN_IMAGES)]
        self._shuffled = shuffled_within_planes([layouts[i].plane for i in self._chosen])
        edited = [shrunken(layouts[i]) for i in self._shown]
        with torch.no_grad():
            self._edited_layout = encode_layouts(branch.components, edited, registry, branch.device)

    def run(self) -> Validation:
        """Measure how well the noise is predicted, how much the layout matters for it, and what is memorised.

        Returns:
            `loss` with true layouts, `loss_shuffled` with those of other images of the plane, `loss_null` with none;
            `adherence`, loss_shuffled over loss minus 1, `adherence_noisy`, the same over the noisier half of the
            schedule, where layouts are decided, and `adherence_null`, loss_null over loss minus 1: a wrong layout does
            harm, so that shuffling tells more than what the right one is worth; the loss by noise level, 0 the cleanest
            quarter; `train_` the same on training images; `nearest_synthetic`, how far syntheses are inside their ROIs
            from the nearest training image, and `nearest_real`, how far the true images are; texture, seam and tone of
            the same syntheses, see `region_numbers`. And a sheet: truth, layout map and synthesis, then a shrunken
            layout and its synthesis from the same noise.
        """
        seen = self._losses(self._validation, self._chosen, self._shuffled)
        known = self._losses(self._training, spread_positions(len(self._training), _VALIDATION_SAMPLES), None)
        numbers = seen | {f"train_{name}": value for name, value in known.items()}
        syntheses, rows = self.syntheses()
        roi_mask, others = self._branch.roi_mask(self._validation, self._shown), self._training.image
        truth = self._validation.image[self._shown].to(self._branch.device)
        numbers["nearest_synthetic"] = nearest_distances(syntheses, roi_mask, others).mean().item()
        numbers["nearest_real"] = nearest_distances(truth, roi_mask, others).mean().item()
        numbers |= region_numbers(rows[0], rows[2], roi_mask[:, 0].cpu().numpy() > 0)
        return Validation(numbers, np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))

    def _losses(
        self, latents: Latents, chosen: NDArray[np.int64], shuffled: NDArray[np.int64] | None
    ) -> dict[str, float]:
        branch = self._branch
        text, rows = branch.embed([latents.prompts[i] for i in chosen])
        conditions = branch.conditions(latents, chosen, text[rows])
        clean = latents.image[chosen].float().cpu()  # the noise of a validation is the same on every device
        noise, timesteps = validation_noise(clean, branch.schedule)
        noisy = branch.schedule.add_noise(clean, noise, timesteps).to(branch.device)
        target = branch.schedule.target(clean, noise, timesteps).to(branch.device)
        levels = levels_of(timesteps, branch.schedule.train_timesteps)

        def loss(layout: Tensor) -> list[float]:
            """Return the loss over all, over the noisier half, and by level."""
            given = replace(conditions, layout=layout)
            predicted = torch.cat(
                [branch.predict(noisy[part], timesteps[part], given.part(part)) for part in branch.parts(len(noisy))]
            )
            groups = [levels >= 0, levels >= NOISE_LEVELS // 2, *(levels == level for level in range(NOISE_LEVELS))]
            masks = conditions.roi_mask
            return [weighted_error(predicted[g], target[g], masks[g]).item() if g.any() else math.nan for g in groups]

        true, true_noisy, *by_level = loss(conditions.layout)
        numbers = {"loss": true} | {f"loss_noise_{i}": value for i, value in enumerate(by_level)}
        if shuffled is not None:
            other, other_noisy, *_ = loss(conditions.layout[shuffled])
            null, *_ = loss(branch.null_layout.expand_as(conditions.layout))
            numbers |= {"loss_shuffled": other, "loss_null": null, "adherence": other / true - 1}
            numbers["adherence_noisy"] = other_noisy / true_noisy - 1
            numbers["adherence_null"] = null / true - 1
        return numbers

    def syntheses(self) -> tuple[Tensor, list[NDArray[np.uint8]]]:
        """Return the latents of syntheses from true layouts, and the rows of the sheet that shows them, (N, H, W)."""
        branch = self._branch
        text, rows = branch.embed([self._validation.prompts[i] for i in self._shown])
        conditions = branch.conditions(self._validation, self._shown, text[rows])
        truth = self._validation.image[self._shown].float().to(branch.device)
        given = [replace(conditions, layout=layout) for layout in (conditions.layout, self._edited_layout)]
        made = [torch.cat([self._sample(truth, each, part) for part in branch.parts(len(truth))]) for each in given]
        sheet = [truth, conditions.layout, made[0], self._edited_layout, made[1]]
        channels = truth.shape[1]  # what an encoded layout holds beyond the latents of its map is no picture
        return made[0], [grey_from_pixels(decode(branch.components.vae, latents[:, :channels])) for latents in sheet]

    def _sample(self, truth: Tensor, conditions: LatentConditions, part: slice) -> Tensor:
        branch = self._branch
        generators = sample_generators(range(len(truth))[part])
        truth, conditions = truth[part], conditions.part(part)
        x = sample_noise(tuple(truth.shape[1:]), generators).to(branch.device)
        inpainting = keep_background(truth, conditions.roi_mask, branch.schedule, generators)
        denoiser = ConditionedDenoiser(branch.components, conditions, Guidance.off())
        return sample_ddim(
            denoiser, x, branch.schedule, branch.schedule.timesteps(_SHOWN_STEPS), generators, inpainting
        )


def memorisation_concern(numbers: dict[str, float]) -> str | None:
    """Return a warning if syntheses lie much nearer to training images than real images do, else None.

    Args:
        numbers: Of a validation.
    """
    if numbers["nearest_synthetic"] >= _COPY_SHARE * numbers["nearest_real"]:
        return None
    return (
        f"syntheses lie at {numbers['nearest_synthetic']:.3g} from the nearest training image, real images at "
        f"{numbers['nearest_real']:.3g}: the model memorises images; use more images or train less"
    )
