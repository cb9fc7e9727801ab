"""Turn conditions into a denoiser that samplers can call."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import ControlNetModel
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.anatomy import Layout, Registry, draw_layout_map
from fetalflex.anatomy.layout_code import draw_label_maps
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.masks import share_of_latents
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.models.components import Components
from fetalflex.models.latents import encode, pixels_from_arrays


@dataclass(frozen=True)
class LatentConditions:
    """The conditions of B samples as the networks take them.

    Args:
        text: Prompt embeddings, (B, L, D).
        layout: Encoded layouts: latents of their maps and label channels, (B, C + K, h, w).
        background: Latents of the images with their ROI blanked, (B, C, h, w).
        roi_mask: 1 inside the ROI, (B, 1, h, w).
        null_text: Embedding of what stands for no prompt, (1, L, D), or (B, L, D) if it differs between samples.
        null_layout: The empty layout, encoded, (1, C + K, h, w).
        layout_before: Encoded layouts before an edit, (B, C + K, h, w), `layout` again for samples that were not
            edited; None if none was.
    """

    text: Tensor
    layout: Tensor
    background: Tensor
    roi_mask: Tensor
    null_text: Tensor
    null_layout: Tensor
    layout_before: Tensor | None = None

    def part(self, chosen: slice) -> LatentConditions:
        """Return the conditions of some of the samples."""
        return LatentConditions(
            text=self.text[chosen],
            layout=self.layout[chosen],
            background=self.background[chosen],
            roi_mask=self.roi_mask[chosen],
            null_text=self.null_text if len(self.null_text) == 1 else self.null_text[chosen],
            null_layout=self.null_layout,
            layout_before=None if self.layout_before is None else self.layout_before[chosen],
        )


class ConditionedDenoiser:
    """Predict the noise under conditions: U-Net plus ControlNet, with guidance.

    What does not change from step to step (pre-alignment, projection of the condition) is computed here, once.

    Args:
        components: The model.
        conditions: Prompt, layout, background and ROI of each sample.
        guidance: Weights of prompt, layout and, if there is a layout before the edit, edit.
    """

    def __init__(self, components: Components, conditions: LatentConditions, guidance: Guidance) -> None:
        self.unet, dtype = components.unet, components.unet.dtype
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)
        self.guidance = guidance if conditions.layout_before is not None else guidance.without_edit()
        self.terms = tuple(self.guidance.terms())
        layouts = {
            "given": conditions.layout,
            "null": conditions.null_layout.expand_as(conditions.layout),
            "before": conditions.layout_before,
        }
        batch = len(conditions.text)
        background, roi_mask = conditions.background.to(dtype), conditions.roi_mask.to(dtype)
        text, features = [], []
        for term in self.terms:
            text.append(conditions.text if term.prompt else conditions.null_text.expand(batch, -1, -1))
            layout = layouts[term.layout]
            assert layout is not None  # no term asks for a layout before an edit that there was not
            condition = components.prealignment(layout.to(dtype), background, roi_mask)
            features.append(components.controlnet.controlnet_cond_embedding(condition))
        self.text = torch.cat(text).to(dtype)
        self.features = torch.cat(features)
        self.controlnet = _taking_features(components.controlnet)

    def __call__(self, x: Tensor, timestep: int) -> Tensor:
        """Return ε̂ of x_t, (B, C, h, w)."""
        x = torch.cat([x] * len(self.terms))
        t = torch.tensor(timestep)
        prediction = predict(self.unet, self.controlnet, x.to(self.text.dtype), t, self.text, self.features)
        noise = self.schedule.noise_from_prediction(prediction.to(x.dtype), x, t)
        return self.guidance.combine(list(noise.chunk(len(self.terms))))


def predict(
    unet: nn.Module, controlnet: nn.Module, x: Tensor, timesteps: Tensor, text: Tensor, condition: Tensor
) -> Tensor:
    """Return what the denoiser predicts of x_t (ε or v): U-Net with the ControlNet's residuals on its skip connections.

    Args:
        unet: The denoiser.
        controlnet: Its control branch.
        x: x_t, (B, C, h, w).
        timesteps: t, a scalar or (B,).
        text: Prompt embeddings, (B, L, D).
        condition: What the ControlNet takes as its condition.
    """
    timesteps = timesteps.to(x.device)
    down, middle = controlnet(x, timesteps, text, condition, return_dict=False)
    return unet(
        x,
        timesteps,
        text,
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
        return_dict=False,
    )[0]


def encode_layouts(
    components: Components, layouts: Sequence[Layout], registry: Registry, device: torch.device
) -> Tensor:
    """Return encoded layouts, (B, C + K, h, w): latents of their maps, and each structure's share of every position.

    Args:
        components: The model; its config says how it is shown the names of structures.
        layouts: Layouts in canvas pixels.
        registry: Knows the colours that the model has none of its own for.
        device: Where the model is.
    """
    code = components.config.control.layout_code
    maps = [draw_layout_map(layout, registry, colours=code.colours) for layout in layouts]
    latents = encode(components.vae, pixels_from_arrays(maps).to(device))
    labels = np.stack([draw_label_maps(layout, code.channels) for layout in layouts])
    return with_labels(latents, labels)


def with_labels(latents: Tensor, label_maps: NDArray[np.bool_]) -> Tensor:
    """Return an encoded layout, (B, C + K, h, w), from the latents of its map and its label maps, (B, K, H, W) bool."""
    if not label_maps.shape[1]:
        return latents
    shares = share_of_latents(torch.from_numpy(label_maps).to(latents.device), latents.shape[-1])
    return torch.cat([latents, shares.to(latents.dtype)], dim=1)


def encode_null_layout(components: Components, device: torch.device) -> Tensor:
    """Return the empty layout, encoded, (1, C + K, h, w)."""
    size, labels = components.config.image_size, components.config.control.layout_channels
    latents = encode(components.vae, torch.full((1, 3, size, size), -1.0, device=device))
    return torch.cat([latents, latents.new_zeros(1, labels, *latents.shape[2:])], dim=1)


def _taking_features(controlnet: ControlNetModel) -> ControlNetModel:
    """Return the same network, weights shared, that takes its condition already projected."""
    view = copy.copy(controlnet)
    view._modules = dict(controlnet._modules) | {"controlnet_cond_embedding": nn.Identity()}
    return view
