"""The control branch in training: its inputs from cached latents, and what it predicts."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.models.components import Components
from fetalflex.models.parts import denoiser_values, parts_of
from fetalflex.models.text import encode_prompts
from fetalflex.pipeline.conditioning import LatentConditions, encode_null_layout, predict
from fetalflex.training.latent_cache import Latents


class ControlBranch:
    """Predicts noise, or velocity, with U-Net, ControlNet and pre-alignment.

    Args:
        components: The model, on the device.
        device: Where to compute.

    Attributes:
        components: See above; so is `device`.
        unet: The denoiser.
        controlnet: Sees the conditions.
        prealignment: Joins layout, background and ROI before that.
        schedule: The model's noise schedule.
        null_layout: Latents of no layout, (1, C, h, w).
        null_text: Embedding of the empty prompt, (1, L, D); see `renew_null_text`.
    """

    def __init__(self, components: Components, device: torch.device) -> None:
        self.components = components
        self.device = device
        self.unet = components.unet.to(memory_format=torch.channels_last)
        self.controlnet = components.controlnet.to(memory_format=torch.channels_last)
        self.prealignment = components.prealignment
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)
        with torch.no_grad():
            self.null_layout = encode_null_layout(components, device)
            self.null_text = self.encode([""])

    def renew_null_text(self) -> None:
        """Encode the empty prompt anew, for a text encoder that learns."""
        self.null_text = self.encode([""])

    def roi_mask(self, latents: Latents, indices: NDArray[np.int64]) -> Tensor:
        """Return 1 inside the ROI of some samples, (B, 1, h, w)."""
        assert latents.roi_mask is not None
        return latents.roi_mask[indices].float().to(self.device)

    def conditions(self, latents: Latents, indices: NDArray[np.int64], text: Tensor) -> LatentConditions:
        """Return the conditions of some samples with the embeddings of their prompts, (B, L, D)."""
        assert latents.layout is not None
        assert latents.background is not None
        return LatentConditions(
            text=text,
            layout=latents.layout[indices].float().to(self.device),
            background=latents.background[indices].float().to(self.device),
            roi_mask=self.roi_mask(latents, indices),
            null_text=self.null_text,
            null_layout=self.null_layout,
        )

    def predict(self, noisy: Tensor, timesteps: Tensor, given: LatentConditions) -> Tensor:
        """Return what the model predicts of noisy latents, (B, C, h, w), at timesteps, (B,)."""
        noisy = noisy.contiguous(memory_format=torch.channels_last)
        condition = self.prealignment(given.layout, given.background, given.roi_mask)
        return predict(self.unet, self.controlnet, noisy, timesteps, given.text, condition)

    def parts(self, count: int) -> list[slice]:
        """Return slices of a batch that fit into memory one by one."""
        return parts_of(count, denoiser_values(self.components.config))

    def encode(self, prompts: list[str]) -> Tensor:
        """Return the embeddings of prompts, (N, L, D)."""
        return encode_prompts(self.components.tokenizer, self.components.text_encoder, prompts)

    def embed(self, prompts: list[str]) -> tuple[Tensor, Tensor]:
        """Return the embeddings of the distinct prompts, and each prompt's row."""
        distinct = sorted(set(prompts))
        rows = {prompt: row for row, prompt in enumerate(distinct)}
        return self.encode(distinct), torch.tensor([rows[prompt] for prompt in prompts])
