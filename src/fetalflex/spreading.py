"""A few of many, spread evenly: for what is shown to people or measured on a sample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Item = TypeVar("_Item")


def spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """Return up to `count` items: the first of each of as many equal stretches."""
    count = min(count, len(items))
    return [items[index * len(items) // count] for index in range(count)]


def spread_positions(length: int, count: int) -> NDArray[np.int64]:
    """Return up to `count` positions of a sequence, (N,), from the first to the last at equal distances."""
    return np.linspace(0, length - 1, min(count, length)).astype(np.int64)
