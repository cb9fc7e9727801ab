"""Which samples a step sees and which random numbers it draws: functions of the seed and the position alone.

Nothing random is stored in a checkpoint. A resumed run, or one with another batch size, continues the same stream.
So do several processes: a step's samples are the same for any number of them, and each takes its parts of the batch.
The random numbers of a part depend on its number within the whole batch, not on the process that computes it.
"""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray


class ShuffledOrder:
    """Arrange sample indices as an endless stream of shuffled epochs.

    In an epoch of N samples each comes floor(w) or ceil(w) times, w being its weight over the mean weight, and w times
    on average (systematic resampling); with equal weights each comes once.

    Args:
        weights: How often each sample comes, relative to the others, (N,), above 0.
        seed: Seed of the shuffles.
    """

    def __init__(self, weights: ArrayLike, seed: int) -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        self.seed = seed
        if self.weights.ndim != 1 or not self.weights.size or not (self.weights > 0).all():
            raise ValueError("weights must be a sequence of at least one number, all above 0")
        self._epoch: tuple[int, NDArray[np.int64]] | None = None

    def indices(self, start: int, count: int) -> NDArray[np.int64]:
        """Return the `count` indices that follow the first `start` of the stream."""
        return np.array([self._at(position) for position in range(start, start + count)], dtype=np.int64)

    def _at(self, position: int) -> int:
        epoch, place = divmod(position, len(self.weights))
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = (epoch, self._shuffled(epoch))
        return int(self._epoch[1][place])

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        rng, size = np.random.default_rng([self.seed, epoch]), len(self.weights)
        if (self.weights == self.weights[0]).all():
            return rng.permutation(size)
        edges = np.cumsum(self.weights) * (size / self.weights.sum())
        drawn = np.searchsorted(edges, np.arange(size) + rng.random(), side="right")
        return rng.permutation(np.minimum(drawn, size - 1))


def generator_at(seed: int, purpose: str, position: int) -> torch.Generator:
    """Return a CPU generator that depends on the seed, a purpose, and a position in the stream, nothing else."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{position}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
