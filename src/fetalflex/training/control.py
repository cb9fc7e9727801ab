"""Stage 3: the control branch; the denoiser stays frozen, as in the paper."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.conditioning import ConditionedDenoiser, LatentConditions, encode_null_layout, predict
from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.models.build import has_learnt, initialise_from_denoiser
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, grey_from_pixels
from fetalflex.models.text import encode_prompts
from fetalflex.training.config import ControlStage
from fetalflex.training.denoiser import validation_noise
from fetalflex.training.latent_cache import Latents
from fetalflex.training.losses import masked_error, structure_error
from fetalflex.training.stage import Stage, Validation

_VALIDATION_SAMPLES = 64
_SHOWN_IMAGES = 8
_SHOWN_STEPS = 20
_LATENT_RANGE = 6.0  # three standard deviations to either side


class ControlTraining(Stage):
    """Train ControlNet and pre-alignment: equation 4, inside the ROI.

    An untrained ControlNet starts from the denoiser's encoder; a trained one goes on from where it is.

    Args:
        components: The model; VAE, text encoder and U-Net are frozen.
        device: Where to compute.
        training: Latents with conditions to train on.
        validation: Latents with conditions to measure on.
        settings: Dropout and the weight of the background.
    """

    def __init__(
        self,
        components: Components,
        device: torch.device,
        training: Latents,
        validation: Latents,
        settings: ControlStage,
    ) -> None:
        super().__init__(components, device)
        if not has_learnt(components.controlnet):
            initialise_from_denoiser(components.controlnet, components.unet)
        self.unet = components.unet.to(memory_format=torch.channels_last)
        self.controlnet = components.controlnet.to(memory_format=torch.channels_last)
        self.prealignment = components.prealignment
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)
        self.training = training
        self.validation = validation
        self.settings = settings
        with torch.no_grad():
            self._null_layout = encode_null_layout(components, device)
            self._text, self._rows = self._embed(training.prompts)
            self._null_text = encode_prompts(components.tokenizer, components.text_encoder, [""])

    @property
    def sample_count(self) -> int:
        """Number of cached latents."""
        return len(self.training)

    def networks(self) -> nn.ModuleDict:
        """Return ControlNet and pre-alignment."""
        return nn.ModuleDict({"controlnet": self.controlnet, "prealignment": self.prealignment})

    def loss(
        self,
        indices: NDArray[np.int64],
        generator: torch.Generator,
        done: float,  # noqa: ARG002 - the loss is the same throughout
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return equation 10: squared error inside the ROI, and structural dissimilarity; see `Stage.loss`."""
        conditions = self._conditions(self.training, indices, self._text[self._rows[indices]])
        clean = self.training.image[indices].float()
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.randint(0, self.schedule.train_timesteps, (len(clean),), generator=generator)
        no_layout = torch.rand(len(clean), generator=generator) < self.settings.layout_dropout
        no_prompt = torch.rand(len(clean), generator=generator) < self.settings.prompt_dropout
        layout = torch.where(no_layout.view(-1, 1, 1, 1).to(self.device), self._null_layout, conditions.layout)
        text = torch.where(no_prompt.view(-1, 1, 1).to(self.device), self._null_text, conditions.text)
        noisy = self.schedule.add_noise(clean, noise, timesteps).to(self.device)
        predicted = self._predict(noisy, timesteps, layout, text, conditions)
        error = self._masked(predicted, self.schedule.target(clean, noise, timesteps), conditions)
        if self.settings.ssim_weight == 0:
            return error, {}
        structure = self._structure_error(predicted, noisy, clean, timesteps)
        return error + self.settings.ssim_weight * structure, {"error": error, "structure_error": structure}

    def _structure_error(self, predicted: Tensor, noisy: Tensor, clean: Tensor, timesteps: Tensor) -> Tensor:
        denoised = self.schedule.denoised_from_prediction(predicted.float(), noisy, timesteps)
        clean, data_range = clean.to(self.device), _LATENT_RANGE
        if self.settings.ssim_space == "pixel":
            denoised, data_range = decode(self.components.vae, denoised), 2.0
            with torch.no_grad():
                clean = decode(self.components.vae, clean)
        share = self.schedule.signal_share(timesteps).to(self.device)
        return structure_error(denoised, clean, share, data_range)

    def validate(self) -> Validation:
        """Return the loss with true, shuffled and null layouts, and syntheses beside the truth.

        Adherence is how much the model follows its layout: the loss with layouts shuffled between samples, minus the
        loss with the true ones, relative to the latter.
        """
        chosen = np.linspace(0, len(self.validation) - 1, min(_VALIDATION_SAMPLES, len(self.validation))).astype(int)
        text, rows = self._embed([self.validation.prompts[i] for i in chosen])
        conditions = self._conditions(self.validation, chosen, text[rows])
        clean = self.validation.image[chosen].float()
        noise, timesteps = validation_noise(clean, self.schedule)
        noisy = self.schedule.add_noise(clean, noise, timesteps).to(self.device)
        target = self.schedule.target(clean, noise, timesteps)
        layouts = {
            "loss": conditions.layout,
            "loss_shuffled": conditions.layout.roll(1, dims=0),
            "loss_null": self._null_layout.expand_as(conditions.layout),
        }
        numbers = {
            name: self._masked(
                self._predict(noisy, timesteps, layout, conditions.text, conditions), target, conditions
            ).item()
            for name, layout in layouts.items()
        }
        numbers["adherence"] = numbers["loss_shuffled"] / numbers["loss"] - 1
        return Validation(numbers, self._sheet(chosen))

    def _conditions(self, latents: Latents, indices: NDArray[np.int64], text: Tensor) -> LatentConditions:
        assert latents.layout is not None
        assert latents.background is not None
        assert latents.roi_mask is not None
        return LatentConditions(
            text=text,
            layout=latents.layout[indices].float().to(self.device),
            background=latents.background[indices].float().to(self.device),
            roi_mask=latents.roi_mask[indices].float().to(self.device),
            null_text=self._null_text,
            null_layout=self._null_layout,
        )

    def _predict(
        self, noisy: Tensor, timesteps: Tensor, layout: Tensor, text: Tensor, given: LatentConditions
    ) -> Tensor:
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        condition = self.prealignment(layout, given.background, given.roi_mask)
        return predict(self.unet, self.controlnet, noisy, timesteps, text, condition)

    def _masked(self, predicted: Tensor, target: Tensor, conditions: LatentConditions) -> Tensor:
        return masked_error(predicted, target.to(self.device), conditions.roi_mask, self.settings.background_weight)

    def _sheet(self, chosen: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return a sheet: truth, layout map and synthesis from top to bottom."""
        shown = chosen[:: max(1, len(chosen) // _SHOWN_IMAGES)][:_SHOWN_IMAGES]
        text, rows = self._embed([self.validation.prompts[i] for i in shown])
        conditions = self._conditions(self.validation, shown, text[rows])
        truth = self.validation.image[shown].float().to(self.device)
        generators = sample_generators(range(len(shown)))
        x = sample_noise(tuple(truth.shape[1:]), generators).to(self.device)
        inpainting = keep_background(truth, conditions.roi_mask, self.schedule, generators)
        denoiser = ConditionedDenoiser(self.components, conditions, Guidance())
        x = sample_ddim(denoiser, x, self.schedule, self.schedule.timesteps(_SHOWN_STEPS), generators, inpainting)
        rows_of_images = [decode(self.components.vae, latents) for latents in (truth, conditions.layout, x)]
        return np.concatenate([np.concatenate(list(grey_from_pixels(row)), axis=1) for row in rows_of_images])

    def _embed(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of the distinct prompts, and each prompt's row."""
        distinct = sorted(set(prompts))
        rows = {prompt: row for row, prompt in enumerate(distinct)}
        text = encode_prompts(self.components.tokenizer, self.components.text_encoder, distinct)
        return text, torch.tensor([rows[prompt] for prompt in prompts])
