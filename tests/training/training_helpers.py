"""Run configs, counters, and a small stage for tests of training."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor, nn

from fetalflex.anatomy import default_registry
from fetalflex.compute.processes import Processes
from fetalflex.models.components import Components
from fetalflex.training.config import AugmentationConfig, DataConfig, RunConfig
from fetalflex.training.images import select_samples
from fetalflex.training.latent_cache import LatentCache, Latents
from fetalflex.training.order import generator_at
from fetalflex.training.stage import Stage, Validation


def silent() -> Console:
    """Return a console whose output can be read with `console.file.getvalue()`."""
    return Console(file=io.StringIO(), width=200)


def run_config(output: Path, **changes: Any) -> RunConfig:
    """Return a short run of the control stage; no file it names need exist."""
    values: dict[str, Any] = {
        "stage": "control",
        "output": output,
        "data": {"paths": ["data"]},
        "init": "model",
        "images": 160,
        "batch_size": 8,
        "learning_rate": 0.01,
        "warmup_images": 16,
        "ema_half_life": 50,
        "checkpoint_every": 48,
        "validate_every": 80,
        "log_every": 16,
    }
    return RunConfig.model_validate(values | changes)


def log_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of a network's weights."""
    return {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}


def same_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Say whether two networks are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@contextmanager
def encoded_images(components: Components) -> Iterator[list[int]]:
    """Collect the batch sizes that go through the VAE's encoder inside the block."""
    sizes: list[int] = []
    handle = components.vae.encoder.register_forward_hook(lambda _, args, __: sizes.append(len(args[0])))
    try:
        yield sizes
    finally:
        handle.remove()


class AlignmentStage(Stage):
    """Fit the pre-alignment to a known modulation: a stage that trains in milliseconds.

    Args:
        components: Only the pre-alignment is trained.
        samples: Number of samples.
        noise: Standard deviation of what is added to each target, drawn from the step's generator.
    """

    def __init__(self, components: Components, samples: int = 20, noise: float = 0.0) -> None:
        super().__init__(components, torch.device("cpu"))
        generator = torch.Generator().manual_seed(0)
        self.layout, self.background = torch.randn(2, samples, 4, 8, 8, generator=generator)
        self.mask = torch.ones(samples, 1, 8, 8)
        self.noise = noise
        self.seen: list[int] = []
        self.finished = 0

    @property
    def sample_count(self) -> int:
        return len(self.layout)

    def networks(self) -> nn.ModuleDict:
        return nn.ModuleDict({"prealignment": self.components.prealignment})

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        self.seen += indices.tolist()
        layout, background = self.layout[indices], self.background[indices]
        target = layout * 1.5 + 0.3 * background
        target = target + self.noise * torch.randn(target.shape, generator=generator)
        aligned = self.components.prealignment(layout, background, self.mask[indices])[:, :4]
        loss = (aligned - target).square().mean()
        return loss, {"done": torch.tensor(done)}

    def validate(self) -> Validation:
        generator = torch.Generator().manual_seed(0)
        loss, _ = self.loss(np.arange(self.sample_count), generator, 1.0)
        del self.seen[-self.sample_count :]
        return Validation({"loss": loss.item()}, np.zeros((8, 8), np.uint8))

    def finish(self) -> None:
        self.finished += 1


def cached_latents(
    folder: Path,
    cache: Path,
    components: Components,
    split: str,
    with_conditions: bool,
    processes: Processes | None = None,
) -> Latents:
    """Return the latents of one split of a data set folder, one variant each."""
    registry, augmentation = default_registry(), AugmentationConfig(variants=1)
    device = torch.device("cpu")
    samples = select_samples(DataConfig(paths=(folder,)), split, registry)
    latents = LatentCache(cache, components, registry, augmentation, 0, device, with_conditions)
    return latents.load(samples, processes=processes)


def take_steps(stage: Stage, steps: int, batch: int = 8, rate: float = 3e-3) -> list[float]:
    """Take plain Adam steps; return the losses."""
    networks = stage.networks().requires_grad_(True).train()
    optimizer = torch.optim.Adam(networks.parameters(), lr=rate)
    losses = []
    for step in range(steps):
        indices = np.random.default_rng(step).integers(0, stage.sample_count, batch)
        loss, _ = stage.loss(indices, generator_at(0, "test", step), step / steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    networks.eval()
    return losses


def changed_parts(before: Components, after: Components) -> set[str]:
    """Return the names of the networks whose weights differ."""
    ours, theirs = before.networks(), after.networks()
    return {name for name in ours if not same_weights(weights(ours[name]), weights(theirs[name]))}
