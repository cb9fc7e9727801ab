"""Stage 2: the text-conditioned denoiser."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, grey_from_pixels
from fetalflex.models.parts import denoiser_values, parts_of
from fetalflex.models.text import tokenize
from fetalflex.spreading import spread_positions
from fetalflex.training.config import DenoiserStage
from fetalflex.training.latent_cache import Latents
from fetalflex.training.noise_draws import noise_for
from fetalflex.training.noise_levels import draw_timesteps
from fetalflex.training.stage import Stage, Validation

_VALIDATION_SAMPLES = 32
_SHOWN_IMAGES = 8
_SHOWN_STEPS = 20


class DenoiserTraining(Stage[Components]):
    """Train U-Net and text encoder to predict the noise, equation 2, or v if the model is of that kind.

    Args:
        components: The model; its VAE is frozen.
        device: Where to compute.
        training: Latents to train on.
        validation: Latents to measure on.
        settings: Dropout.
    """

    def __init__(
        self,
        components: Components,
        device: torch.device,
        training: Latents,
        validation: Latents,
        settings: DenoiserStage,
    ) -> None:
        super().__init__(components, device)
        self.unet = components.unet.to(memory_format=torch.channels_last)
        self.text_encoder = components.text_encoder
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)
        self.training = training.to(device)
        self.validation = validation
        self.settings = settings
        self._tokens = tokenize(components.tokenizer, [*training.prompts, ""])

    @property
    def sample_count(self) -> int:
        """Number of cached latents."""
        return len(self.training)

    def networks(self) -> nn.ModuleDict:
        """Return U-Net and text encoder."""
        return nn.ModuleDict({"unet": self.unet, "text_encoder": self.text_encoder})

    def loss(
        self,
        indices: NDArray[np.int64],
        generator: torch.Generator,
        done: float,  # noqa: ARG002 - the loss is the same throughout
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the mean squared error of the prediction; see `Stage.loss`."""
        clean = self.training.image[indices].float()
        noise = noise_for(clean, generator)
        timesteps = draw_timesteps(self.schedule, len(clean), generator, self.settings.noise_levels)
        dropped = torch.rand(len(clean), generator=generator) < self.settings.prompt_dropout
        rows = torch.where(dropped, len(self.training), torch.from_numpy(indices))
        noisy = self.schedule.add_noise(clean, noise, timesteps).to(self.device)
        predicted = self.unet(noisy, timesteps.to(self.device), self._embed(rows), return_dict=False)[0]
        target = self.schedule.target(clean, noise, timesteps).to(self.device)
        return F.mse_loss(predicted.float(), target), {}

    def validate(self) -> Validation:
        """Return the loss at fixed noise levels, and images sampled from validation prompts."""
        chosen = spread_positions(len(self.validation), _VALIDATION_SAMPLES)
        clean = self.validation.image[chosen].float()
        noise, timesteps = validation_noise(clean, self.schedule)
        text = self._encode([self.validation.prompts[i] for i in chosen])
        noisy = self.schedule.add_noise(clean, noise, timesteps).to(self.device)
        steps = timesteps.to(self.device)
        parts = parts_of(len(clean), denoiser_values(self.components.config))
        predicted = torch.cat([self.unet(noisy[p], steps[p], text[p], return_dict=False)[0] for p in parts])
        loss = F.mse_loss(predicted.float(), self.schedule.target(clean, noise, timesteps).to(self.device)).item()
        return Validation({"loss": loss}, self._sheet(text[:: max(1, len(text) // _SHOWN_IMAGES)][:_SHOWN_IMAGES]))

    def _sheet(self, text: Tensor) -> NDArray[np.uint8]:
        generators = sample_generators(range(len(text)))
        x = sample_noise(tuple(self.training.image.shape[1:]), generators).to(self.device)

        def denoiser(x: Tensor, t: int) -> Tensor:
            prediction = self.unet(x, t, text, return_dict=False)[0]
            return self.schedule.noise_from_prediction(prediction, x, torch.tensor(t))

        x = sample_ddim(denoiser, x, self.schedule, self.schedule.timesteps(_SHOWN_STEPS), generators)
        images = grey_from_pixels(decode(self.components.vae, x))
        return np.concatenate(list(images), axis=1)

    def _embed(self, rows: Tensor) -> Tensor:
        ids, mask = (tokens[rows].to(self.device) for tokens in self._tokens)
        return self.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]

    def _encode(self, prompts: Sequence[str]) -> Tensor:
        ids, mask = (tokens.to(self.device) for tokens in tokenize(self.components.tokenizer, prompts))
        return self.text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]


def validation_noise(clean: Tensor, schedule: NoiseSchedule) -> tuple[Tensor, Tensor]:
    """Return noise like `clean` and time steps spread evenly over the schedule, the same at every call."""
    noise = sample_noise(tuple(clean.shape[1:]), sample_generators(range(len(clean))))
    levels = (torch.arange(len(clean)) * 7919 % len(clean) + 0.5) / len(clean)
    return noise, (levels * schedule.train_timesteps).long()
