"""Count the parameters and floating-point operations of a model, part by part."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from fetalflex.files.json_files import JsonObject
from fetalflex.models.components import Components

CONVENTION = (
    "1 multiply-add = 2 FLOPs; matrix products, convolutions and attention are counted, element-wise work is not"
)


@dataclass(frozen=True)
class PartCost:
    """What one part of a model costs.

    Args:
        parameters: Number of weights.
        flops: Floating-point operations of one pass for one image; a multiply-add counts as 2.
    """

    parameters: int
    flops: int


@dataclass(frozen=True)
class ModelCost:
    """The cost of every part of a model for one image at the model's own size.

    Args:
        text_encoder: One prompt, padded to its full length.
        vae_encoder: One image or layout map to its latent.
        vae_decoder: One latent to its image.
        condition: Pre-alignment, and projection into the ControlNet's first feature map: once per image, not per step.
        unet: One denoising step.
        controlnet: One denoising step, without the projection.
    """

    text_encoder: PartCost
    vae_encoder: PartCost
    vae_decoder: PartCost
    condition: PartCost
    unet: PartCost
    controlnet: PartCost

    @property
    def parts(self) -> dict[str, PartCost]:
        """Return the parts by name, in the order in which an image passes them."""
        names = ("text_encoder", "vae_encoder", "condition", "unet", "controlnet", "vae_decoder")
        return {name: getattr(self, name) for name in names}

    @property
    def parameters(self) -> int:
        """Return the number of parameters of the whole model."""
        return sum(part.parameters for part in self.parts.values())

    @property
    def step_flops(self) -> int:
        """Return the FLOPs of one prediction; a step takes as many as `Guidance.terms` has, at most four."""
        return self.unet.flops + self.controlnet.flops


def measure_cost(components: Components) -> ModelCost:
    """Run every part of a model once and count; only shapes are computed, so that it is quick at any size.

    Args:
        components: The model, on any device.
    """
    components = shapes_only(components)
    config, unet, controlnet = components.config, components.unet, components.controlnet
    device = unet.device
    channels = config.autoencoder.latent_channels
    pixels = torch.zeros(1, 3, config.image_size, config.image_size, device=device)
    latents = torch.zeros(1, channels, config.latent_size, config.latent_size, device=device)
    roi_mask = latents[:, :1]
    layout = torch.zeros(1, channels + config.control.layout_channels, *latents.shape[2:], device=device)
    condition = torch.cat([latents, layout], dim=1)
    text = torch.zeros(1, config.text.max_tokens, config.text.hidden_size, device=device)
    tokens = torch.zeros(1, config.text.max_tokens, dtype=torch.int64, device=device)
    step = torch.tensor(0, device=device)
    projection = controlnet.controlnet_cond_embedding

    alignment_flops = _count(lambda: components.prealignment(layout, latents, roi_mask))
    projection_flops = _count(lambda: projection(condition))
    control_flops = _count(lambda: controlnet(latents, step, text, condition)) - projection_flops
    text_flops = _count(lambda: components.text_encoder(input_ids=tokens))
    encoder, decoder = _halves(components.vae)
    projection_size = _size([projection])
    return ModelCost(
        text_encoder=PartCost(_size([components.text_encoder]), text_flops),
        vae_encoder=PartCost(_size(encoder), _count(lambda: components.vae.encode(pixels))),
        vae_decoder=PartCost(_size(decoder), _count(lambda: components.vae.decode(latents))),
        condition=PartCost(_size([components.prealignment]) + projection_size, alignment_flops + projection_flops),
        unet=PartCost(_size([unet]), _count(lambda: unet(latents, step, text))),
        controlnet=PartCost(_size([controlnet]) - projection_size, control_flops),
    )


def shapes_only(components: Components) -> Components:
    """Return the model with its weights replaced by their shapes, on torch's meta device."""
    parts: JsonObject = {name: _without_weights(network) for name, network in components.networks().items()}
    return replace(components, **parts)


def _without_weights(network: nn.Module) -> nn.Module:
    parameters = {id(weight): nn.Parameter(weight.detach().to("meta")) for weight in network.parameters()}
    buffers = {id(buffer): buffer.to("meta") for buffer in network.buffers()}
    return copy.deepcopy(network, parameters | buffers)


def _count(run: Callable[[], object]) -> int:
    # The plain attention kernel is made of matrix products, which are counted on every device.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def _size(modules: Iterable[nn.Module]) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def _halves(vae: nn.Module) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the modules of the autoencoder's encoder and those of its decoder."""
    decoder_names = ("decoder", "post_quant_conv")
    children = dict(vae.named_children())
    return (
        [module for name, module in children.items() if name not in decoder_names],
        [module for name, module in children.items() if name in decoder_names],
    )
