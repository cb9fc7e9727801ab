"""Exponential moving average of weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    r"""Average parameters over the images seen.

    .. math:: \bar w ← \bar w + (1 − 2^{−b/H}) (w − \bar w), \quad H = \min(H_{max}, r · \mathrm{images})

    with batch size b. The half-life H grows with the run (Karras et al. 2022, appendix F), so that the first, poor
    weights are soon forgotten.

    Args:
        parameters: The parameters to average, in a fixed order.
        half_life: H_max, in images.
        rampup: r, the largest half-life as a share of the images seen.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], half_life: float, rampup: float = 0.05) -> None:
        self.parameters = list(parameters)
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.half_life = half_life
        self.rampup = rampup

    @torch.no_grad()
    def update(self, images_seen: int, batch_size: int) -> None:
        """Take one step after an optimiser step; `images_seen` includes that step's batch."""
        half_life = min(self.half_life, self.rampup * images_seen)
        weight = 1.0 - 0.5 ** (batch_size / max(half_life, 1e-8))
        torch._foreach_lerp_(self.average, [parameter.detach() for parameter in self.parameters], weight)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the place of the parameters inside the block."""
        kept = [parameter.detach().clone() for parameter in self.parameters]
        self._assign(self.average)
        try:
            yield
        finally:
            self._assign(kept)

    @torch.no_grad()
    def _assign(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)
