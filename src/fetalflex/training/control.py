"""Stage 3: the control branch; denoiser and text encoder stay frozen, as in the paper, or learn with it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.anatomy import Layout, Registry
from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.models.build import has_learnt, initialise_from_denoiser
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, decode_at_once, grey_from_pixels
from fetalflex.models.parts import denoiser_values, parts_of
from fetalflex.models.text import encode_prompts
from fetalflex.pipeline.conditioning import (
    ConditionedDenoiser,
    LatentConditions,
    encode_layouts,
    encode_null_layout,
    predict,
)
from fetalflex.training.config import ControlStage
from fetalflex.training.denoiser import validation_noise
from fetalflex.training.latent_cache import Latents
from fetalflex.training.losses import structure_error, weighted_error
from fetalflex.training.monitoring import (
    NOISE_LEVELS,
    adherence_concern,
    levels_of,
    nearest_distances,
    shrunken,
    shuffled_within_planes,
)
from fetalflex.training.noise_draws import noise_for
from fetalflex.training.noise_levels import draw_timesteps
from fetalflex.training.region_numbers import region_numbers
from fetalflex.training.stage import Stage, Validation

_VALIDATION_SAMPLES = 64
_SHOWN_IMAGES = 8
_SHOWN_STEPS = 20
_LATENT_RANGE = 6.0  # three standard deviations to either side
_COPY_SHARE = 0.5


class ControlTraining(Stage[Components]):
    """Train ControlNet and pre-alignment: equation 4, inside the ROI.

    An untrained ControlNet starts from the denoiser's encoder; a trained one goes on from where it is.

    Args:
        components: The model; the VAE is frozen, and so are U-Net and text encoder unless the settings give them rates.
        device: Where to compute.
        training: Latents with conditions to train on.
        validation: Latents with conditions to measure on.
        validation_layouts: Their layouts, in canvas pixels.
        registry: Draws layout maps.
        settings: Dropout, the loss, and when to warn.
    """

    def __init__(
        self,
        components: Components,
        device: torch.device,
        training: Latents,
        validation: Latents,
        validation_layouts: Sequence[Layout],
        registry: Registry,
        settings: ControlStage,
    ) -> None:
        super().__init__(components, device)
        components.prealignment.modulate(settings.prealignment)
        if not has_learnt(components.controlnet):
            initialise_from_denoiser(components.controlnet, components.unet)
        self.unet = components.unet.to(memory_format=torch.channels_last)
        self.controlnet = components.controlnet.to(memory_format=torch.channels_last)
        self.prealignment = components.prealignment
        if settings.gradient_checkpointing:
            for network in (components.unet, components.controlnet, components.vae):
                network.enable_gradient_checkpointing()
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)
        self.training = training.to(device)
        self.validation = validation
        self.settings = settings
        with torch.no_grad():
            self._null_layout = encode_null_layout(components, device)
            self._text, self._rows = self._embed(training.prompts)
            self._null_text = self._encode([""])
        self._chosen = _evenly(len(validation), _VALIDATION_SAMPLES)
        self._shown = self._chosen[_evenly(len(self._chosen), _SHOWN_IMAGES)]
        self._shuffled = shuffled_within_planes([validation_layouts[i].plane for i in self._chosen])
        edited = [shrunken(validation_layouts[i]) for i in self._shown]
        with torch.no_grad():
            self._edited_layout = encode_layouts(components, edited, registry, device)

    @property
    def sample_count(self) -> int:
        """Number of cached latents."""
        return len(self.training)

    def networks(self) -> nn.ModuleDict:
        """Return ControlNet, pre-alignment unless it is left out, and U-Net and text encoder if they learn."""
        networks: dict[str, nn.Module] = {"controlnet": self.controlnet}
        if self.settings.prealignment:
            networks["prealignment"] = self.prealignment
        if self.settings.unet_rate > 0:
            networks["unet"] = self.unet
        if self.settings.text_rate > 0:
            networks["text_encoder"] = self.components.text_encoder
        return nn.ModuleDict(networks)

    def learning_rates(self) -> dict[str, float]:
        """Return those of U-Net and text encoder."""
        return {"unet": self.settings.unet_rate, "text_encoder": self.settings.text_rate}

    def loss(
        self,
        indices: NDArray[np.int64],
        generator: torch.Generator,
        done: float,  # noqa: ARG002 - the loss is the same throughout
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return equation 10: squared error inside the ROI, and structural dissimilarity; see `Stage.loss`."""
        text, null_text = self._texts(indices)
        conditions = self._conditions(self.training, indices, text)
        clean = self.training.image[indices].float()
        noise = noise_for(clean, generator)
        timesteps = draw_timesteps(self.schedule, len(clean), generator, self.settings.noise_levels)
        no_layout = torch.rand(len(clean), generator=generator) < self.settings.layout_dropout
        no_prompt = torch.rand(len(clean), generator=generator) < self.settings.prompt_dropout
        given = replace(
            conditions,
            layout=torch.where(no_layout.view(-1, 1, 1, 1).to(self.device), self._null_layout, conditions.layout),
            text=torch.where(no_prompt.view(-1, 1, 1).to(self.device), null_text, conditions.text),
        )
        noisy = self.schedule.add_noise(clean, noise, timesteps).to(self.device)
        predicted = self._predict(noisy, timesteps, given)
        target = self.schedule.target(clean, noise, timesteps).to(self.device)
        error = weighted_error(predicted, target, self._weight(self.training, indices, conditions.roi_mask))
        if self.settings.ssim_weight == 0:
            return error, {}
        structure = self._structure_error(predicted, noisy, clean, timesteps)
        return error + self.settings.ssim_weight * structure, {"error": error, "structure_error": structure}

    def _structure_error(self, predicted: Tensor, noisy: Tensor, clean: Tensor, timesteps: Tensor) -> Tensor:
        denoised = self.schedule.denoised_from_prediction(predicted.float(), noisy, timesteps)
        clean, data_range = clean.to(self.device), _LATENT_RANGE
        if self.settings.ssim_space == "pixel":
            denoised, data_range = decode_at_once(self.components.vae, denoised), 2.0
            with torch.no_grad():
                clean = decode_at_once(self.components.vae, clean)
        share = self.schedule.signal_share(timesteps).to(self.device)
        return structure_error(denoised, clean, share, data_range)

    def validate(self) -> Validation:
        """Measure how well the noise is predicted, how much the layout matters for it, and what is learnt by heart.

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
        if self.settings.text_rate > 0:
            self._null_text = self._encode([""])
        seen = self._losses(self.validation, self._chosen, self._shuffled)
        known = self._losses(self.training, _evenly(len(self.training), _VALIDATION_SAMPLES), None)
        numbers = seen | {f"train_{name}": value for name, value in known.items()}
        syntheses, rows = self._syntheses()
        roi_mask, others = self._roi_mask(self.validation, self._shown), self.training.image
        truth = self.validation.image[self._shown].to(self.device)
        numbers["nearest_synthetic"] = nearest_distances(syntheses, roi_mask, others).mean().item()
        numbers["nearest_real"] = nearest_distances(truth, roi_mask, others).mean().item()
        numbers |= region_numbers(rows[0], rows[2], roi_mask[:, 0].cpu().numpy() > 0)
        return Validation(numbers, np.concatenate([np.concatenate(list(row), axis=1) for row in rows]))

    def concerns(self, numbers: dict[str, float], done: float) -> list[str]:
        """Warn of a layout that is ignored, and of training images that are learnt by heart."""
        found = []
        if done >= self.settings.adherence_from:
            found.append(adherence_concern(numbers["adherence"], self.settings.least_adherence))
        if numbers["nearest_synthetic"] < _COPY_SHARE * numbers["nearest_real"]:
            found.append(
                f"syntheses lie at {numbers['nearest_synthetic']:.3g} from the nearest training image, real images at "
                f"{numbers['nearest_real']:.3g}: the model learns images by heart; use more images or train less"
            )
        return [concern for concern in found if concern is not None]

    def _losses(
        self, latents: Latents, chosen: NDArray[np.int64], shuffled: NDArray[np.int64] | None
    ) -> dict[str, float]:
        text, rows = self._embed([latents.prompts[i] for i in chosen])
        conditions = self._conditions(latents, chosen, text[rows])
        clean = latents.image[chosen].float().cpu()  # the noise of a validation is the same on every device
        noise, timesteps = validation_noise(clean, self.schedule)
        noisy = self.schedule.add_noise(clean, noise, timesteps).to(self.device)
        target = self.schedule.target(clean, noise, timesteps).to(self.device)
        levels = levels_of(timesteps, self.schedule.train_timesteps)

        def loss(layout: Tensor) -> list[float]:
            """Return the loss over all, over the noisier half, and by level."""
            given = replace(conditions, layout=layout)
            predicted = torch.cat(
                [self._predict(noisy[part], timesteps[part], given.part(part)) for part in self._parts(len(noisy))]
            )
            groups = [levels >= 0, levels >= NOISE_LEVELS // 2, *(levels == level for level in range(NOISE_LEVELS))]
            masks = conditions.roi_mask
            return [weighted_error(predicted[g], target[g], masks[g]).item() if g.any() else math.nan for g in groups]

        true, true_noisy, *by_level = loss(conditions.layout)
        numbers = {"loss": true} | {f"loss_noise_{i}": value for i, value in enumerate(by_level)}
        if shuffled is not None:
            other, other_noisy, *_ = loss(conditions.layout[shuffled])
            null, *_ = loss(self._null_layout.expand_as(conditions.layout))
            numbers |= {"loss_shuffled": other, "loss_null": null, "adherence": other / true - 1}
            numbers["adherence_noisy"] = other_noisy / true_noisy - 1
            numbers["adherence_null"] = null / true - 1
        return numbers

    def _roi_mask(self, latents: Latents, indices: NDArray[np.int64]) -> Tensor:
        assert latents.roi_mask is not None
        return latents.roi_mask[indices].float().to(self.device)

    def _conditions(self, latents: Latents, indices: NDArray[np.int64], text: Tensor) -> LatentConditions:
        assert latents.layout is not None
        assert latents.background is not None
        return LatentConditions(
            text=text,
            layout=latents.layout[indices].float().to(self.device),
            background=latents.background[indices].float().to(self.device),
            roi_mask=self._roi_mask(latents, indices),
            null_text=self._null_text,
            null_layout=self._null_layout,
        )

    def _predict(self, noisy: Tensor, timesteps: Tensor, given: LatentConditions) -> Tensor:
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        condition = self.prealignment(given.layout, given.background, given.roi_mask)
        return predict(self.unet, self.controlnet, noisy, timesteps, given.text, condition)

    def _parts(self, count: int) -> list[slice]:
        return parts_of(count, denoiser_values(self.components.config))

    def _weight(self, latents: Latents, indices: NDArray[np.int64], roi_mask: Tensor) -> Tensor:
        """Return how much each position counts in training, (B, 1, h, w)."""
        assert latents.structure_mask is not None
        inner = latents.structure_mask[indices].float().to(self.device)
        inside = 1 + (self.settings.structure_weight - 1) * inner
        return roi_mask * inside + self.settings.background_weight * (1 - roi_mask)

    def _syntheses(self) -> tuple[Tensor, list[NDArray[np.uint8]]]:
        """Return the latents of syntheses from true layouts, and the rows of the sheet that shows them, (N, H, W)."""
        text, rows = self._embed([self.validation.prompts[i] for i in self._shown])
        conditions = self._conditions(self.validation, self._shown, text[rows])
        truth = self.validation.image[self._shown].float().to(self.device)
        given = [replace(conditions, layout=layout) for layout in (conditions.layout, self._edited_layout)]
        made = [torch.cat([self._sample(truth, each, part) for part in self._parts(len(truth))]) for each in given]
        sheet = [truth, conditions.layout, made[0], self._edited_layout, made[1]]
        channels = truth.shape[1]  # what an encoded layout holds beyond the latents of its map is no picture
        return made[0], [grey_from_pixels(decode(self.components.vae, latents[:, :channels])) for latents in sheet]

    def _sample(self, truth: Tensor, conditions: LatentConditions, part: slice) -> Tensor:
        generators = sample_generators(range(len(truth))[part])
        truth, conditions = truth[part], conditions.part(part)
        x = sample_noise(tuple(truth.shape[1:]), generators).to(self.device)
        inpainting = keep_background(truth, conditions.roi_mask, self.schedule, generators)
        denoiser = ConditionedDenoiser(self.components, conditions, Guidance.off())
        return sample_ddim(denoiser, x, self.schedule, self.schedule.timesteps(_SHOWN_STEPS), generators, inpainting)

    def _texts(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of training prompts and of the null prompt, made anew if the text encoder learns."""
        if self.settings.text_rate == 0:
            return self._text[self._rows[indices]], self._null_text
        encoded = self._encode([*(self.training.prompts[i] for i in indices), ""])
        return encoded[:-1], encoded[-1:]

    def _encode(self, prompts: list[str]) -> Tensor:
        return encode_prompts(self.components.tokenizer, self.components.text_encoder, prompts)

    def _embed(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of the distinct prompts, and each prompt's row."""
        distinct = sorted(set(prompts))
        rows = {prompt: row for row, prompt in enumerate(distinct)}
        return self._encode(distinct), torch.tensor([rows[prompt] for prompt in prompts])


def _evenly(count: int, wanted: int) -> NDArray[np.int64]:
    """Return up to `wanted` indices spread evenly over `count`."""
    return np.linspace(0, count - 1, min(wanted, count)).astype(np.int64)
