"""From a batch of requests to images on the model's canvas: conditions, latents, sampling loop, decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from fetalflex.anatomy import Registry
from fetalflex.anatomy.conditions import Conditions, build_conditions
from fetalflex.compute.precision import computing_in
from fetalflex.diffusion.anisotropic import smooth_structures
from fetalflex.diffusion.following import follow_leaders
from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.masks import mask_to_latents, share_of_latents
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.resampling import with_resampling
from fetalflex.diffusion.samplers import choose_sampler
from fetalflex.diffusion.sampling import Callback, Sampler, Transform, compose
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays
from fetalflex.models.text import encode_prompts
from fetalflex.pipeline.conditioning import (
    ConditionedDenoiser,
    LatentConditions,
    encode_layouts,
    encode_null_layout,
    with_labels,
)
from fetalflex.pipeline.region import Image
from fetalflex.pipeline.requests import CheckedRequest
from fetalflex.pipeline.sampling import Sampling


class CanvasSampler:
    """Sample images on the model's canvas, S x S pixels, for requests that are about one close-up each.

    Args:
        components: The model, on `device`.
        registry: Planes and structures.
        device: Where to compute.
    """

    def __init__(self, components: Components, registry: Registry, device: torch.device) -> None:
        self.components = components
        self.registry = registry
        self.device = device
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)

    def conditions(self, request: CheckedRequest) -> Conditions:
        """Return prompt, layout map, background and mask of a request, drawn on the canvas."""
        canvas = request.canvas(self.components.config.image_size)
        mask = np.ones((canvas.size, canvas.size), bool)
        if not request.roi_mask.all():
            mask = canvas.mask_to_canvas(request.roi_mask)
        image = None if request.image is None else canvas.image_to_canvas(request.image)
        layout = canvas.layout_to_canvas(request.layout)
        code = self.components.config.control.layout_code
        return build_conditions(layout, image, mask, self.registry, request.prompt, code)

    def sample(
        self,
        requests: Sequence[CheckedRequest],
        conditions: Sequence[Conditions],
        sampling: Sampling,
        callback: Callback | None = None,
    ) -> Image:
        """Return the images of a batch, (B, S, S) uint8.

        Args:
            requests: What is asked for, as `CheckedRequest.part` gives it.
            conditions: Those of each request.
            sampling: How to sample.
            callback: Called after each sampling step.

        Raises:
            FetalFlexError: If a network gives values that are not finite; the message names it.
        """
        if sampling.precision == "bf16" and self.device.type == "cuda":
            # What autocast would compute in float32, and its casts of weights at every call, cost much of the speed.
            return self._in_bfloat16._images(requests, conditions, sampling, callback)
        with computing_in(sampling.precision, self.device):
            return self._images(requests, conditions, sampling, callback)

    def latent_conditions(
        self, conditions: Sequence[Conditions], negative_prompts: Sequence[str] = ("",)
    ) -> LatentConditions:
        """Return the conditions of B images, and what stands for no prompt, as the networks take them."""
        model = self.components
        masks = torch.from_numpy(np.stack([c.roi_mask for c in conditions]))[:, None].to(self.device)
        prompts = [*(c.prompt for c in conditions), *negative_prompts]
        text = encode_prompts(model.tokenizer, model.text_encoder, prompts)
        return LatentConditions(
            text=text[: len(conditions)],
            layout=with_labels(
                self._encode([c.layout_map for c in conditions]), np.stack([c.label_maps for c in conditions])
            ),
            background=self._encode([c.background for c in conditions]),
            roi_mask=mask_to_latents(masks, model.config.latent_size),
            null_text=text[len(conditions) :],
            null_layout=encode_null_layout(model, self.device),
        )

    @cached_property
    def _in_bfloat16(self) -> CanvasSampler:
        return CanvasSampler(self.components.in_bfloat16(), self.registry, self.device)

    def _images(
        self,
        requests: Sequence[CheckedRequest],
        conditions: Sequence[Conditions],
        sampling: Sampling,
        callback: Callback | None,
    ) -> Image:
        latents = self._latents(requests, conditions, sampling, callback)
        _check_finite(latents, "unet, controlnet or prealignment", "latents")
        pixels = decode(self.components.vae, latents)
        _check_finite(pixels, "vae", "images")
        return grey_from_pixels(pixels)

    def _latents(
        self,
        requests: Sequence[CheckedRequest],
        conditions: Sequence[Conditions],
        sampling: Sampling,
        callback: Callback | None,
    ) -> Tensor:
        config = self.components.config
        generators = sample_generators([request.seed for request in requests])
        latent = self.latent_conditions(conditions, [request.negative_prompt for request in requests])
        _check_finite(latent.text, "text_encoder", "embeddings of prompts")
        _check_finite(latent.layout, "vae", "latents of layout maps")
        _check_finite(latent.background, "vae", "latents of the background")
        if sampling.guidance.edit and any(request.before is not None for request in requests):
            latent = replace(latent, layout_before=self._earlier_layouts(requests, latent.layout))
        timesteps = sampling.timesteps(self.schedule)
        shape = (config.autoencoder.latent_channels, config.latent_size, config.latent_size)
        x = sample_noise(shape, generators).to(self.device)
        transforms: list[Transform] = []
        if sampling.smoothing is not None:
            transforms.append(smooth_structures(sampling.smoothing, self.schedule))
        # The background's noise is drawn even if unused, so that an image does not depend on its batch.
        if sampling.draws_noise or sampling.starts_at_source or not bool(latent.roi_mask.all()):
            known = self._encode([self._known(request) for request in requests])
            transforms.append(keep_background(known, latent.roi_mask, self.schedule, generators))
            if sampling.starts_at_source:
                x = self.schedule.add_noise(known, x, torch.full((len(x),), timesteps[0]))
        if any(request.may_differ is not None for request in requests):
            transforms.append(self._following(requests))
        denoiser = ConditionedDenoiser(self.components, latent, sampling.guidance)
        return _sampler(sampling)(denoiser, x, self.schedule, timesteps, generators, compose(*transforms), callback)

    def _following(self, requests: Sequence[CheckedRequest]) -> Transform:
        config = self.components.config
        canvases = [
            np.ones((config.image_size, config.image_size), bool)
            if request.may_differ is None
            else request.canvas(config.image_size).mask_to_canvas(request.may_differ)
            for request in requests
        ]
        free = share_of_latents(torch.from_numpy(np.stack(canvases))[:, None].to(self.device), config.latent_size)
        return follow_leaders([0] * len(requests), free)

    def _earlier_layouts(self, requests: Sequence[CheckedRequest], layouts: Tensor) -> Tensor:
        """Return each layout before the edit, encoded, (B, C + K, h, w); the layout itself where there was none."""
        size = self.components.config.image_size
        earlier = {
            number: request.canvas(size).layout_to_canvas(request.before)
            for number, request in enumerate(requests)
            if request.before is not None
        }
        result = layouts.clone()
        result[list(earlier)] = encode_layouts(self.components, list(earlier.values()), self.registry, self.device)
        return result

    def _known(self, request: CheckedRequest) -> Image:
        """Return the whole source image on the canvas: blanking its ROI would darken what lies next to it."""
        canvas = request.canvas(self.components.config.image_size)
        if request.image is None:
            return np.zeros((canvas.size, canvas.size), np.uint8)
        return canvas.image_to_canvas(request.image)

    def _encode(self, arrays: list[Image]) -> Tensor:
        return encode(self.components.vae, pixels_from_arrays(arrays).to(self.device))


def _sampler(sampling: Sampling) -> Sampler:
    """Return the sampler, with resampling if asked for."""
    sampler = choose_sampler(sampling.sampler, sampling.eta)
    return sampler if sampling.resampling is None else with_resampling(sampler, sampling.resampling)


def _check_finite(values: Tensor, part: str, what: str) -> None:
    if not bool(torch.isfinite(values).all()):
        raise FetalFlexError(
            f"{part}: the {what} are not finite (NaN or infinite), so they give no image: the model is damaged or has "
            "diverged in training, or computes beyond its range; fetch or train it again, or try precision fp32 and "
            "weaker guidance"
        )
