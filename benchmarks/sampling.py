"""A sampling step: the condition embedded once per image, against once per step as diffusers' ControlNet does it."""

from __future__ import annotations

import copy

import torch
from diffusers import DDIMScheduler
from torch import Tensor

from benchmarks.measuring import Comparison
from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.models.build import build_components
from fetalflex.models.components import Components
from fetalflex.models.configs import get_preset
from fetalflex.pipeline.conditioning import ConditionedDenoiser, LatentConditions
from fetalflex.pipeline.pipeline import FetalFlexPipeline

STEPS = 10


def comparison(preset: str) -> Comparison:
    """Return the comparison for a preset with random weights; speed does not depend on their values."""
    components = build_components(get_preset(preset), prompt_corpus(default_registry()))
    plain = copy.deepcopy(components).freeze()
    pipeline = FetalFlexPipeline(components)
    conditions = _conditions(components)
    shape = tuple(conditions.layout.shape[1:])

    @torch.inference_mode()
    def ours() -> Tensor:
        generators = sample_generators([0])
        denoiser = ConditionedDenoiser(pipeline.components, conditions, Guidance.off())
        x = sample_noise(shape, generators)
        return sample_ddim(denoiser, x, denoiser.schedule, denoiser.schedule.timesteps(STEPS), generators)

    @torch.inference_mode()
    def theirs() -> Tensor:
        condition = plain.prealignment(conditions.layout, conditions.background, conditions.roi_mask)
        scheduler = DDIMScheduler.from_config(plain.scheduler.config)
        scheduler.set_timesteps(STEPS)
        x = sample_noise(shape, sample_generators([0]))
        for t in scheduler.timesteps:
            down, middle = plain.controlnet(x, t, conditions.text, condition, return_dict=False)
            noise = plain.unet(
                x, t, conditions.text, down_block_additional_residuals=down, mid_block_additional_residual=middle
            ).sample
            x = scheduler.step(noise, t, x).prev_sample
        return x

    def same() -> bool:
        return torch.allclose(ours(), theirs(), rtol=1e-3, atol=1e-3)

    return Comparison(
        name=f"sampling step, {preset}, one image",
        ours=("fetalflex: condition embedded once", ours),
        theirs=("diffusers: condition embedded at every step", theirs),
        unit="step",
        per_call=STEPS,
        same=same,
    )


def _conditions(components: Components) -> LatentConditions:
    config = components.config
    channels, side = config.autoencoder.latent_channels, config.latent_size
    layout, background = torch.randn(2, 1, channels, side, side)
    text = torch.randn(1, config.text.max_tokens, config.text.hidden_size)
    return LatentConditions(text, layout, background, torch.ones(1, 1, side, side), text, layout)
