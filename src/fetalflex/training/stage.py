"""What the trainer asks of a stage."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Model(Protocol):
    """Networks of which a stage trains some or all."""

    def to(self, device: torch.device) -> object:
        """Move all networks, in place."""
        ...

    def freeze(self) -> object:
        """Switch all networks to inference, in place."""
        ...

    def networks(self) -> dict[str, nn.Module]:
        """Return the networks by name."""
        ...

    def save(self, folder: Path) -> Path:
        """Write the model's folder, wholly or not at all."""
        ...


ModelT = TypeVar("ModelT", bound=Model)


@dataclass
class Validation:
    """The result of a validation.

    Args:
        numbers: What was measured; `loss` decides which of a run's models is the best.
        sheet: Images, (H, W) or (H, W, 3) uint8.
    """

    numbers: dict[str, float] = field(default_factory=dict)
    sheet: NDArray[np.uint8] | None = None


class Stage(ABC, Generic[ModelT]):
    """One of the trainings: what it trains, on how many samples, with which loss.

    Args:
        components: The model; the stage trains some of its parts in place and freezes the rest.
        device: Where to compute.
    """

    def __init__(self, components: ModelT, device: torch.device) -> None:
        components.to(device)
        self.components = components
        self.device = device
        components.freeze()

    @property
    @abstractmethod
    def sample_count(self) -> int:
        """Number of training samples."""

    @abstractmethod
    def networks(self) -> nn.ModuleDict:
        """Return the parts that are trained."""

    def learning_rates(self) -> dict[str, float]:
        """Return the learning rates of parts that do not take the run's, relative to it, by name in `networks`."""
        return {}

    def batch_size(self, configured: int, done: float) -> int:  # noqa: ARG002 - the autoencoder's depends on it
        """Return the batch size at a share `done` of the run."""
        return configured

    @abstractmethod
    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of the samples `indices` and numbers for the log.

        Args:
            indices: Sample indices, (B,).
            generator: Source of every random number, on the CPU.
            done: Share of the run that is done, in [0, 1).
        """

    @abstractmethod
    def validate(self) -> Validation:
        """Measure the model as it stands, on fixed samples with fixed noise."""

    def concerns(self, numbers: dict[str, float], done: float) -> list[str]:  # noqa: ARG002 - most have none
        """Return warnings that follow from a validation's numbers at a share `done` of the run."""
        return []

    def finish(self) -> None:
        """Complete the trained model, in place, before it is saved."""
