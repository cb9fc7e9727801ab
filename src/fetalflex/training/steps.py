"""Optimiser steps: a batch's gradients, part by part and process by process, then AdamW and the moving average."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.compute.precision import computing_in
from fetalflex.compute.processes import Processes
from fetalflex.errors import FetalFlexError
from fetalflex.training.checkpoints import RunProgress
from fetalflex.training.config import RunConfig
from fetalflex.training.ema import MovingAverage
from fetalflex.training.memory_layout import in_layout_of
from fetalflex.training.order import ShuffledOrder, generator_at
from fetalflex.training.stage import Stage

Gradients = tuple[Tensor | None, ...]


def learning_rate_at(config: RunConfig, images: int, done: float) -> float:
    """Return the learning rate: linear warm-up over images, then cosine decay over the share of the run done."""
    warmup = min(1.0, images / config.warmup_images) if config.warmup_images else 1.0
    decay = config.final_learning_rate + (1 - config.final_learning_rate) * 0.5 * (1 + math.cos(math.pi * min(done, 1)))
    return config.learning_rate * warmup * decay


class Steps:
    """Takes the steps of a stage. What a step does follows from the seed and the number of images seen.

    Args:
        stage: What to train.
        config: How.
        processes: Those that share each batch.
        sample_weights: How often each training sample is shown relative to the others, (N,); None = all alike.

    Attributes:
        networks: What is trained, by name.
        parameters: All parameters that learn.
        optimizer: AdamW.
        average: Moving average of the parameters.

    Raises:
        FetalFlexError: If a batch has fewer images than there are processes.
    """

    def __init__(
        self,
        stage: Stage[Any],
        config: RunConfig,
        processes: Processes,
        sample_weights: NDArray[np.float64] | None = None,
    ) -> None:
        self.networks = stage.networks()
        self.networks.requires_grad_(True).train()
        self.parameters = [p for p in self.networks.parameters() if p.requires_grad]
        self._rates, groups = _by_rate(self.networks, stage.learning_rates())
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.average = MovingAverage(self.parameters, config.ema_half_life)
        self._stage, self._config, self._processes = stage, config, processes
        weights = np.ones(stage.sample_count) if sample_weights is None else sample_weights
        self._order = ShuffledOrder(weights, config.seed)
        self._map: Callable[..., Iterable[Any]] = map
        self._check_batches()

    @property
    def learning_rate(self) -> float:
        """That of the last step, for parts that take the run's own."""
        return float(self.optimizer.param_groups[0]["lr"])

    def take(self, progress: RunProgress, done: float) -> dict[str, Tensor]:
        """Take a step, and count its images in `progress`.

        Args:
            progress: How far the run is.
            done: Share of the run that is done.

        Returns:
            `loss`, the stage's numbers and `gradient_norm`, over all processes.
        """
        config = self._config
        batch = self._stage.batch_size(config.batch_size, done)
        indices = self._order.indices(progress.images, batch)
        own, parts = self._processes.parts(config.accumulation, batch)
        images = progress.images

        def compute(part: int) -> tuple[Gradients, dict[str, Tensor]]:
            chosen = indices[part * batch // parts : (part + 1) * batch // parts]
            generator = generator_at(config.seed, f"step/{part}", images)
            return self._gradients(chosen, generator, done, len(chosen) / batch)

        totals: dict[str, Tensor] = {}
        self.optimizer.zero_grad(set_to_none=True)
        for gradients, numbers in self._map(compute, own):
            _add_gradients(self.parameters, gradients)
            for name, value in numbers.items():
                totals[name] = totals[name] + value if name in totals else value
        totals = self._processes.add_up(self.parameters, totals)
        totals["gradient_norm"] = torch.nn.utils.clip_grad_norm_(self.parameters, config.gradient_clip)
        progress.images += batch
        progress.steps += 1
        rate = learning_rate_at(config, progress.images, done)
        for group, share in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = share * rate
        self.optimizer.step()
        self.average.update(progress.images, batch)
        return totals

    @contextmanager
    def workers(self) -> Iterator[None]:
        """Share the CPU's threads among the parts of a batch, if they are to be computed at the same time."""
        if not self._config.parallel:
            yield
            return
        threads = max(1, torch.get_num_threads() // self._config.accumulation)
        with ThreadPoolExecutor(self._config.accumulation, initializer=lambda: torch.set_num_threads(threads)) as pool:
            self._map = pool.map
            yield
        self._map = map

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Put the moving average in the place of the weights, for inference."""
        with self.average.applied(), torch.no_grad():
            self.networks.eval()
            yield
            self.networks.train()

    def _gradients(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float, share: float
    ) -> tuple[Gradients, dict[str, Tensor]]:
        """Return the gradients and numbers of a part of a batch, times its share of that."""
        with computing_in(self._config.precision, self._stage.device):
            loss, numbers = self._stage.loss(indices, generator, done)
        gradients = torch.autograd.grad(loss * share, self.parameters, allow_unused=True)
        return gradients, {name: value.detach().float() * share for name, value in {"loss": loss, **numbers}.items()}

    def _check_batches(self) -> None:
        config, count = self._config, self._processes.count
        smallest = min(self._stage.batch_size(config.batch_size, percent / 100) for percent in range(101))
        if smallest < count:
            raise FetalFlexError(
                f"batch_size {config.batch_size}: some steps, with larger crops, have only {smallest} images, fewer "
                f"than the {count} processes; choose a batch_size {math.ceil(count / smallest)} times as large, or "
                "fewer processes"
            )


def _by_rate(
    networks: torch.nn.ModuleDict, rates: Mapping[str, float]
) -> tuple[list[float], list[dict[str, list[torch.nn.Parameter]]]]:
    """Group what is trained, in order, into stretches of one learning rate; return their rates and the groups."""
    shares: list[float] = []
    groups: list[dict[str, list[torch.nn.Parameter]]] = []
    for name, network in networks.items():
        share = rates.get(name, 1.0)
        if not shares or shares[-1] != share:
            shares.append(share)
            groups.append({"params": []})
        groups[-1]["params"].extend(p for p in network.parameters() if p.requires_grad)
    return shares, groups


def _add_gradients(parameters: list[torch.nn.Parameter], gradients: Iterable[Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            gradient = in_layout_of(parameter, gradient)
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)
