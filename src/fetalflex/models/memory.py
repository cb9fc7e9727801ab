"""Compute from shapes alone how much memory the control stage and generation take."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from fetalflex.models.build import build_components
from fetalflex.models.components import Components
from fetalflex.models.configs import ModelConfig
from fetalflex.models.latents import decode, encode
from fetalflex.models.parts import decoder_values, denoiser_values, encoder_values, part_size

CONVENTION = (
    "computed from shapes, not measured; attention by a kernel that keeps no attention matrix; bf16 by the rules of "
    "autocast on the CPU, a GPU keeps normalisations in float32; a library's own buffers are not counted"
)
_FLOAT = 4
_TRAINED = ("controlnet", "prealignment")


@dataclass(frozen=True)
class ControlMemory:
    """What one step of the control stage keeps in memory, in bytes.

    Args:
        weights: Of each network, float32.
        gradients: Sum over the parts of a batch that are done.
        optimiser: AdamW's two moments.
        average: The moving average of the weights.
        pass_: Largest sum of what a forward and a backward pass of one part of a batch keep at the same time: the
            activations, and that part's gradients.
        validation: The same of a pass without gradients, of the denoiser or the decoder, over a part of the images.
        encoding: The same of the encoder, before the training starts.
    """

    weights: dict[str, int]
    gradients: int
    optimiser: int
    average: int
    pass_: int
    validation: int
    encoding: int

    @property
    def at_rest(self) -> int:
        """Return what stays from step to step."""
        return sum(self.weights.values()) + self.gradients + self.optimiser + self.average

    @property
    def in_training(self) -> int:
        """Return the peak of a training step."""
        return self.at_rest + self.pass_

    @property
    def in_validation(self) -> int:
        """Return the peak of a validation; the average stands in for the weights, which are kept aside."""
        return self.at_rest + self.average + self.validation

    @property
    def in_encoding(self) -> int:
        """Return the peak while the data set is encoded; there are no gradients and no optimiser yet."""
        return sum(self.weights.values()) + self.encoding


def control_memory(
    config: ModelConfig,
    batch: int = 1,
    bf16: bool = False,
    gradient_checkpointing: bool = False,
) -> ControlMemory:
    """Compute the memory of the control stage; no weight is allocated. CONVENTION says what the numbers mean.

    Args:
        config: The model.
        batch: Images that are computed at the same time: batch_size over accumulation.
        bf16: Compute in bfloat16 where it is safe; weights stay float32.
        gradient_checkpointing: Compute activations again in the backward pass.
    """
    with FakeTensorMode():
        components = build_components(config, ["fetal"])
        weights = {name: _size(network.parameters()) for name, network in components.networks().items()}
        trained = sum(weights[name] for name in _TRAINED)
        training = _training_pass(components, batch, bf16, gradient_checkpointing)
        batch = part_size(denoiser_values(config))
        validation = max(_peak(components, lambda: _predict(components, batch)), _peak_of_decoder(components))
        encoding = _peak_of_encoder(components)
    return ControlMemory(weights, trained, 2 * trained, trained, training, validation, encoding)


def generation_memory(config: ModelConfig, images: int = 1, predictions: int = 2) -> int:
    """Compute the memory of generating images, in bytes: the weights, and the largest pass.

    Args:
        config: The model.
        images: Images that are computed together.
        predictions: Predictions for each image in each step: 1 without guidance, 2 with guidance on the layout, one
            more with guidance on the prompt and, for edits, on what the edit has changed.
    """
    with FakeTensorMode():
        components = build_components(config, ["fetal"])
        weights = sum(_size(network.parameters()) for network in components.networks().values())
        step = _peak(components, lambda: _predict(components, images * predictions))
        return weights + max(step, _peak_of_encoder(components), _peak_of_decoder(components))


def _training_pass(components: Components, batch: int, bf16: bool, gradient_checkpointing: bool) -> int:
    """Return the largest number of bytes that a forward and a backward pass keep beside the weights."""
    unet, controlnet = components.unet.requires_grad_(False), components.controlnet
    if gradient_checkpointing:
        unet.enable_gradient_checkpointing()
        controlnet.enable_gradient_checkpointing()
    weights = [weight for name in _TRAINED for weight in getattr(components, name).parameters()]
    with _LiveBytes(components.networks().values()) as live:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            loss = _predict(components, batch).float().square().mean()
        gc.collect()
        gradients = torch.autograd.grad(loss, weights)
        del gradients
    return live.peak


@torch.no_grad()
def _peak(components: Components, run: Callable[[], object]) -> int:
    """Return the largest number of bytes that is alive at the same time while `run` runs without gradients."""
    with _LiveBytes(components.networks().values()) as live:
        run()
    return live.peak


def _peak_of_encoder(components: Components) -> int:
    size, channels = components.config.image_size, components.config.autoencoder.channels
    batch = part_size(encoder_values(channels, size**2))
    return _peak(components, lambda: encode(components.vae, torch.zeros(batch, 3, size, size)))


def _peak_of_decoder(components: Components) -> int:
    config = components.config
    batch = part_size(decoder_values(config.autoencoder.channels, config.image_size**2))
    shape = (batch, config.autoencoder.latent_channels, config.latent_size, config.latent_size)
    return _peak(components, lambda: decode(components.vae, torch.zeros(shape)))


def _predict(components: Components, batch: int) -> Tensor:
    config, channels = components.config, components.config.autoencoder.latent_channels
    latents = torch.zeros(batch, channels, config.latent_size, config.latent_size)
    timesteps = torch.zeros(batch, dtype=torch.int64)
    text = torch.zeros(batch, config.text.max_tokens, config.text.hidden_size)
    layout = torch.zeros(batch, channels + config.control.layout_channels, *latents.shape[2:])
    condition = components.prealignment(layout, latents, latents[:, :1])
    down, middle = components.controlnet(latents, timesteps, text, condition, return_dict=False)
    added = {"down_block_additional_residuals": down, "mid_block_additional_residual": middle}
    predicted: Tensor = components.unet(latents, timesteps, text, **added, return_dict=False)[0]
    return predicted


class _LiveBytes(TorchDispatchMode):
    """Follow how many bytes of tensors that are made inside the block are alive.

    Args:
        known: Networks whose weights do not count.
    """

    def __init__(self, known: Iterable[nn.Module]) -> None:
        super().__init__()
        self.peak = 0
        self._now = 0
        tensors = (tensor for network in known for tensor in (*network.parameters(), *network.buffers()))
        self._storages = {_key(tensor): 0 for tensor in tensors}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in tree_iter(result):
            if isinstance(tensor, Tensor) and _key(tensor) not in self._storages:
                self._add(tensor)
        return result

    def _add(self, tensor: Tensor) -> None:
        storage, key = tensor.untyped_storage(), _key(tensor)
        self._storages[key] = storage.nbytes()
        self._now += storage.nbytes()
        self.peak = max(self.peak, self._now)
        weakref.finalize(storage, self._remove, key)

    def _remove(self, key: int) -> None:
        self._now -= self._storages.pop(key)


def _key(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _size(parameters: Iterable[Tensor]) -> int:
    return _FLOAT * sum(parameter.numel() for parameter in parameters)
