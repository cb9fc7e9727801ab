"""Sampling on a GPU: our pipeline's sampler, against diffusers' own pipeline with networks of the same sizes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from diffusers import (
    ControlNetModel,
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    StableDiffusionControlNetInpaintPipeline,
    UniPCMultistepScheduler,
)
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.timing import Case
from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.samplers import SamplerName
from fetalflex.models.components import Components
from fetalflex.models.flops import ModelCost
from fetalflex.pipeline.canvas_sampling import CanvasSampler
from fetalflex.pipeline.conditioning import predict
from fetalflex.pipeline.requests import Request, check_requests
from fetalflex.pipeline.sampling import Sampling

_SCHEDULERS = {"ddim": DDIMScheduler, "unipc": UniPCMultistepScheduler, "dpm++": DPMSolverMultistepScheduler}
_HINT_CHANNELS = (16, 32, 96, 256)  # of published ControlNets, which read a picture
_WARM_UP_STEPS = 2


class SamplingCases:
    """Makes the cases of one model: images inpainted under a layout, from conditions on the canvas to grey values.

    Both ways encode the image and its visible part, take as many steps with as many calls of the networks, and decode,
    in bfloat16. Ours also encodes prompts and layout maps, which diffusers is given. Drawing of maps, and the fitting
    of the region into the image afterwards, are left out.

    Args:
        components: The model, float32, on the device.
        device: Where to compute.
        cost: The model's.
    """

    def __init__(self, components: Components, device: torch.device, cost: ModelCost) -> None:
        self._config, self._device, self._cost = components.config, device, cost
        self._sampler = CanvasSampler(components, default_registry(), device)
        self.peer = _peer(components)

    def case(self, sampler: SamplerName, steps: int, guided: bool, batch: int) -> Case:
        """Return one case; `guided` has two predictions a step on both sides."""
        ours, theirs = self._ours(sampler, guided, batch), self._theirs(sampler, guided, batch)
        calls, cost = steps * (2 if guided else 1), self._cost
        flops = calls * cost.step_flops + 3 * cost.vae_encoder.flops + cost.vae_decoder.flops + cost.text_encoder.flops
        return Case(
            name=f"{self._config.name} {sampler} {steps}{', guided' if guided else ''}",
            batch=batch,
            ours=lambda: ours(steps),
            theirs=lambda: theirs(steps),
            flops=flops,
            warm_up=(lambda: ours(_WARM_UP_STEPS), lambda: theirs(_WARM_UP_STEPS)),
        )

    def _ours(self, sampler: SamplerName, guided: bool, batch: int) -> Callable[[int], object]:
        size, registry = self._config.image_size, self._sampler.registry
        image = np.random.default_rng(0).integers(0, 256, (size, size), dtype=np.uint8)
        requests = [Request(_layout(size), image, _region(size), seed=seed) for seed in range(batch)]
        checked = check_requests(registry, requests, close_up=False)
        conditions = [self._sampler.conditions(request) for request in checked]
        guidance = Guidance(layout=2.0) if guided else Guidance.off()
        sampling = Sampling(sampler=sampler, guidance=guidance, close_up=False, precision="bf16")

        @torch.no_grad()
        def run(steps: int) -> object:
            return self._sampler.sample(checked, conditions, sampling.replace(steps=steps))

        return run

    def _theirs(self, sampler: SamplerName, guided: bool, batch: int) -> Callable[[int], object]:
        config, peer = self._config, self.peer
        size = config.image_size
        picture = torch.rand(batch, 3, size, size, device=self._device)
        mask = torch.from_numpy(_region(size)).float().expand(batch, 1, -1, -1).to(self._device)
        text = torch.randn(batch, config.text.max_tokens, config.text.hidden_size, device=self._device).bfloat16()
        scheduler = _SCHEDULERS[sampler].from_config(peer.scheduler.config)

        def run(steps: int) -> object:
            peer.scheduler = scheduler
            return peer(
                image=picture,
                mask_image=mask,
                control_image=picture,
                num_inference_steps=steps,
                guidance_scale=2.0 if guided else 1.0,
                prompt_embeds=text,
                negative_prompt_embeds=text if guided else None,
                output_type="np",
            )

        return run

    def graph_case(self, batch: int) -> Case:
        """Return one prediction of U-Net and ControlNet replayed as a CUDA graph, against the same call by call."""
        eager = self._prediction(batch)
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                eager()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.no_grad(), torch.cuda.graph(graph):
            eager()
        return self._denoising(f"{self._config.name} denoising, CUDA graph against eager", batch, graph.replay, eager)

    def compiled_case(self, batch: int) -> Case:
        """Return one prediction by U-Net and ControlNet compiled by torch, against the same without."""
        compiled = torch.compile(self.peer.unet), torch.compile(self.peer.controlnet)
        name = f"{self._config.name} denoising, torch.compile against eager"
        return self._denoising(name, batch, self._prediction(batch, *compiled), self._prediction(batch))

    def _denoising(self, name: str, batch: int, ours: Callable[[], object], theirs: Callable[[], object]) -> Case:
        def ten_times(work: Callable[[], object]) -> Callable[[], None]:
            def run() -> None:
                for _ in range(10):
                    work()

            return run

        return Case(name, batch, ten_times(ours), ten_times(theirs), 10 * self._cost.step_flops, (ours, theirs))

    def _prediction(self, batch: int, unet: Any = None, controlnet: Any = None) -> Callable[[], object]:
        config = self._config

        def random(*shape: int) -> Tensor:
            return torch.randn(batch, *shape, device=self._device, dtype=torch.bfloat16)

        x = random(config.autoencoder.latent_channels, config.latent_size, config.latent_size)
        x = x.contiguous(memory_format=torch.channels_last)
        text = random(config.text.max_tokens, config.text.hidden_size)
        hint = random(3, config.image_size, config.image_size)
        t = torch.full((batch,), 500, device=self._device)
        networks = unet or self.peer.unet, controlnet or self.peer.controlnet

        @torch.no_grad()
        def run() -> object:
            return predict(*networks, x, t, text, hint)

        return run


def _peer(components: Components) -> StableDiffusionControlNetInpaintPipeline:
    """Return diffusers' pipeline: the same U-Net and autoencoder as bfloat16, and a ControlNet as it is published."""
    vae, unet = copy.deepcopy(components.vae), copy.deepcopy(components.unet)
    hints = _HINT_CHANNELS[: len(components.config.autoencoder.channels)]
    with torch.device(unet.device):
        controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=hints)
    for network in (vae, unet, controlnet):
        network.requires_grad_(False).eval().to(dtype=torch.bfloat16, memory_format=torch.channels_last)
    pipeline = StableDiffusionControlNetInpaintPipeline(
        vae=vae,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        controlnet=controlnet,
        scheduler=components.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _layout(size: int) -> Layout:
    boxes = (("abdomen", 0.5, 0.5, 0.8, 0.7), ("stomach", 0.4, 0.45, 0.15, 0.12), ("spine", 0.75, 0.5, 0.12, 0.12))
    placed = (PlacedStructure(name, Box(*(size * value for value in box))) for name, *box in boxes)
    return Layout("abdominal_transverse", size, size, tuple(placed))


def _region(size: int) -> NDArray[np.bool_]:
    mask = np.zeros((size, size), bool)
    mask[size // 4 : -size // 4, size // 4 : -size // 4] = True
    return mask
