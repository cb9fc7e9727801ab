"""What a run will take: time, memory and disk, from a few real steps and nothing written."""

from __future__ import annotations

import resource
import sys
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace

import torch
from rich.console import Console

from fetalflex.anatomy import Registry
from fetalflex.compute.processes import Processes, joined
from fetalflex.detection.detector import Detector
from fetalflex.models.components import Components
from fetalflex.models.latents import encode
from fetalflex.training.config import AugmentationConfig, RunConfig
from fetalflex.training.images import TrainingView, image_count
from fetalflex.training.latent_cache import Latents
from fetalflex.training.run import build_stage, gather
from fetalflex.training.trainer import Trainer

_KEPT_CHECKPOINTS = 3  # two, and the one that is being written
_STATES = 4  # weights, their average, and two moments of AdamW
_TIMED_ENCODINGS = 4
_LATENT_KINDS = {"autoencoder": 0, "denoiser": 1, "control": 3, "detector": 0}


@dataclass(frozen=True)
class TrainingCost:
    """What a run will take.

    Args:
        training_images: Images in the training split, views and variants not counted.
        shown_images: Images that will be shown in all.
        images_per_second: Measured rate of training.
        training_seconds: Time in training steps; validations and checkpoints come on top.
        encoding_seconds: Time to encode the data set once, if nothing is cached yet.
        memory_bytes: Peak memory of the measured steps, plus the latents held in memory: of the GPU if there is one,
            else of the process. Of several processes each needs as much.
        cache_bytes: Latents on disk.
        run_bytes: Checkpoints and the finished model on disk.
        trained_parameters: Number of weights that are trained.
    """

    training_images: int
    shown_images: int
    images_per_second: float
    training_seconds: float
    encoding_seconds: float
    memory_bytes: int
    cache_bytes: int
    run_bytes: int
    trained_parameters: int


def estimate_run(
    config: RunConfig,
    registry: Registry | None = None,
    console: Console | None = None,
    processes: Processes | None = None,
) -> TrainingCost:
    """TrainingCost what `train` would take, by a few steps on latents of noise; writes nothing.

    The arguments and errors are those of `train`.
    """
    with nullcontext(processes) if processes else joined() as processes:
        return _estimate(config, registry, processes.console(console), processes)


def _estimate(config: RunConfig, registry: Registry | None, console: Console, processes: Processes) -> TrainingCost:
    parts = gather(config, registry, processes)
    few = replace(parts, training=parts.training[: max(64, config.batch_size)], validation=parts.validation[:8])
    components, kinds = parts.components, _LATENT_KINDS[config.stage]
    per_sample = kinds * _latent_bytes(components) if kinds else 0
    if config.stage == "control":
        per_sample += _label_bytes(components)

    def noise_latents(samples: list[TrainingView], augmentation: AugmentationConfig) -> Latents:
        assert isinstance(components, Components)
        return _noise_latents(len(samples) * augmentation.variants, components, config.stage == "control")

    with console.status("taking a few steps"):
        stage = build_stage(config, few, noise_latents)
        trainer = Trainer(stage, config, console, few.sample_weights(stage.sample_count), processes)
        step_seconds, step_images = trainer.seconds_per_step()
        encoding = _seconds_per_encoding(components, parts.device) if kinds else 0.0
    rate = step_images / step_seconds
    limit = float("inf") if config.max_minutes is None else 60 * config.max_minutes
    seconds = min(config.images / rate, limit)
    count = len(parts.training) * config.augmentation.variants + len(parts.validation)
    trained = sum(parameter.numel() for parameter in trainer.steps.parameters)
    model = sum(p.numel() for network in components.networks().values() for p in network.parameters())
    return TrainingCost(
        training_images=image_count(parts.training),
        shown_images=round(seconds * rate),
        images_per_second=rate,
        training_seconds=seconds,
        encoding_seconds=count * kinds * encoding / processes.count,
        memory_bytes=_peak_memory(parts.device) + count * per_sample,
        cache_bytes=count * per_sample,
        run_bytes=4 * (_KEPT_CHECKPOINTS * _STATES * trained + trained + model),
        trained_parameters=trained,
    )


def _noise_latents(count: int, components: Components, with_conditions: bool) -> Latents:
    config = components.config
    shape = (count, config.autoencoder.latent_channels, config.latent_size, config.latent_size)
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(0)).half()
    prompts = ["fetal ultrasound"] * count
    if not with_conditions:
        return Latents(noise, prompts)
    mask = torch.ones((count, 1, *shape[2:]), dtype=torch.uint8)
    labels = noise.new_zeros(count, config.control.layout_channels, *shape[2:])
    return Latents(noise, prompts, torch.cat([noise.flip(0), labels], dim=1), noise.flip(1), mask, mask)


def _latent_bytes(components: Components | Detector) -> int:
    assert isinstance(components, Components)
    return 2 * components.config.autoencoder.latent_channels * components.config.latent_size**2


def _label_bytes(components: Components | Detector) -> int:
    assert isinstance(components, Components)
    return 2 * components.config.control.layout_channels * components.config.latent_size**2


@torch.no_grad()
def _seconds_per_encoding(components: Components | Detector, device: torch.device) -> float:
    assert isinstance(components, Components)
    size = components.config.image_size
    pixels = torch.zeros(_TIMED_ENCODINGS, 3, size, size, device=device)
    encode(components.vae, pixels[:1])
    started = time.monotonic()
    encode(components.vae, pixels)
    return (time.monotonic() - started) / _TIMED_ENCODINGS


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
