"""Stage 3: the control branch; denoiser and text encoder stay frozen, as in the paper, or learn with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.anatomy import Layout, Registry
from fetalflex.models.build import has_learnt, initialise_from_denoiser
from fetalflex.models.components import Components
from fetalflex.models.latents import decode_at_once
from fetalflex.training.config import ControlStage
from fetalflex.training.control_branch import ControlBranch
from fetalflex.training.control_validation import ControlValidation, memorisation_concern
from fetalflex.training.latent_cache import Latents
from fetalflex.training.losses import structure_error, weighted_error
from fetalflex.training.monitoring import adherence_concern
from fetalflex.training.noise_draws import noise_for
from fetalflex.training.noise_levels import draw_timesteps
from fetalflex.training.stage import Stage, Validation

_LATENT_RANGE = 6.0  # three standard deviations to either side


class ControlTraining(Stage[Components]):
    """Trains ControlNet and pre-alignment: equation 4, inside the ROI.

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
        if settings.gradient_checkpointing:
            for network in (components.unet, components.controlnet, components.vae):
                network.enable_gradient_checkpointing()
        self.branch = ControlBranch(components, device)
        self.training = training.to(device)
        self.settings = settings
        with torch.no_grad():
            self._text, self._rows = self.branch.embed(training.prompts)
        self.validation = ControlValidation(self.branch, self.training, validation, validation_layouts, registry)

    @property
    def sample_count(self) -> int:
        """Number of cached latents."""
        return len(self.training)

    def networks(self) -> nn.ModuleDict:
        """Return ControlNet, pre-alignment unless it is left out, and U-Net and text encoder if they learn."""
        networks: dict[str, nn.Module] = {"controlnet": self.branch.controlnet}
        if self.settings.prealignment:
            networks["prealignment"] = self.branch.prealignment
        if self.settings.unet_rate > 0:
            networks["unet"] = self.branch.unet
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
        conditions = self.branch.conditions(self.training, indices, text)
        clean = self.training.image[indices].float()
        noise = noise_for(clean, generator)
        timesteps = draw_timesteps(self.branch.schedule, len(clean), generator, self.settings.noise_levels)
        no_layout = torch.rand(len(clean), generator=generator) < self.settings.layout_dropout
        no_prompt = torch.rand(len(clean), generator=generator) < self.settings.prompt_dropout
        given = replace(
            conditions,
            layout=torch.where(no_layout.view(-1, 1, 1, 1).to(self.device), self.branch.null_layout, conditions.layout),
            text=torch.where(no_prompt.view(-1, 1, 1).to(self.device), null_text, conditions.text),
        )
        noisy = self.branch.schedule.add_noise(clean, noise, timesteps).to(self.device)
        predicted = self.branch.predict(noisy, timesteps, given)
        target = self.branch.schedule.target(clean, noise, timesteps).to(self.device)
        error = weighted_error(predicted, target, self._weight(self.training, indices, conditions.roi_mask))
        if self.settings.ssim_weight == 0:
            return error, {}
        structure = self._structure_error(predicted, noisy, clean, timesteps)
        return error + self.settings.ssim_weight * structure, {"error": error, "structure_error": structure}

    def validate(self) -> Validation:
        """Measure prediction, adherence and memorisation; see `ControlValidation.run`."""
        if self.settings.text_rate > 0:
            self.branch.renew_null_text()
        return self.validation.run()

    def concerns(self, numbers: dict[str, float], done: float) -> list[str]:
        """Warn of a layout that is ignored, and of training images that are memorised."""
        found = [memorisation_concern(numbers)]
        if done >= self.settings.adherence_from:
            found.insert(0, adherence_concern(numbers["adherence"], self.settings.least_adherence))
        return [concern for concern in found if concern is not None]

    def _structure_error(self, predicted: Tensor, noisy: Tensor, clean: Tensor, timesteps: Tensor) -> Tensor:
        denoised = self.branch.schedule.denoised_from_prediction(predicted.float(), noisy, timesteps)
        clean, data_range = clean.to(self.device), _LATENT_RANGE
        if self.settings.ssim_space == "pixel":
            denoised, data_range = decode_at_once(self.components.vae, denoised), 2.0
            with torch.no_grad():
                clean = decode_at_once(self.components.vae, clean)
        share = self.branch.schedule.signal_share(timesteps).to(self.device)
        return structure_error(denoised, clean, share, data_range)

    def _weight(self, latents: Latents, indices: NDArray[np.int64], roi_mask: Tensor) -> Tensor:
        """Return how much each position counts in training, (B, 1, h, w)."""
        assert latents.structure_mask is not None
        inner = latents.structure_mask[indices].float().to(self.device)
        inside = 1 + (self.settings.structure_weight - 1) * inner
        return roi_mask * inside + self.settings.background_weight * (1 - roi_mask)

    def _texts(self, indices: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of training prompts and of the null prompt, made anew if the text encoder learns."""
        if self.settings.text_rate == 0:
            return self._text[self._rows[indices]], self.branch.null_text
        encoded = self.branch.encode([*(self.training.prompts[i] for i in indices), ""])
        return encoded[:-1], encoded[-1:]
