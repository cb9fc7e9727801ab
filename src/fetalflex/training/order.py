"""Which samples a step sees and which random numbers it draws: functions of the seed and the position alone.

Nothing random is stored in a checkpoint. A resumed run, or one with another batch size, continues the same stream.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import NDArray


class ShuffledOrder:
    """Arrange sample indices as an endless stream of shuffled epochs.

    Args:
        size: Number of samples.
        seed: Seed of the shuffles.
    """

    def __init__(self, size: int, seed: int) -> None:
        if size < 1:
            raise ValueError(f"size must be at least 1, got {size}")
        self.size = size
        self.seed = seed
        self._epoch: tuple[int, NDArray[np.int64]] | None = None

    def indices(self, start: int, count: int) -> NDArray[np.int64]:
        """Return the `count` indices that follow the first `start` of the stream."""
        return np.array([self._at(position) for position in range(start, start + count)], dtype=np.int64)

    def _at(self, position: int) -> int:
        epoch, place = divmod(position, self.size)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, np.random.default_rng([self.seed, epoch]).permutation(self.size))
        return int(self._epoch[1][place])


def generator_at(seed: int, purpose: str, position: int) -> torch.Generator:
    """Return a CPU generator that depends on the seed, a purpose, and a position in the stream, nothing else."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
