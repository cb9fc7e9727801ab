"""Recent numbers: what steps have given since the last line of the log, and whether the run diverges."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_LARGEST_GROWTH = 5.0


class Recent:
    """Numbers of the steps since the last line of the log."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Tensor]] = {}

    def add(self, numbers: dict[str, Tensor]) -> None:
        """Keep the numbers of a step, each one value."""
        for name, value in numbers.items():
            self._kept.setdefault(name, []).append(value)

    def means(self) -> dict[str, float]:
        """Return the mean of each number.

        Raises:
            FloatingPointError: If loss or gradient are not finite any more.
        """
        means = {name: float(torch.stack(kept).mean()) for name, kept in self._kept.items()}
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(means.get(name, 0.0)):
                raise FloatingPointError(f"the {name} became {means[name]}")
        return means

    def clear(self) -> None:
        """Forget all numbers."""
        self._kept.clear()


def check_growth(first: float | None, now: float) -> None:
    """Check that the loss has not grown to several times what it was at the start of the run.

    Raises:
        FloatingPointError: If it has.
    """
    if first is not None and now > _LARGEST_GROWTH * first:
        raise FloatingPointError(f"the loss rose from {first:.4g} to {now:.4g}")
