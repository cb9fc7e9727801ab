"""Whether an autoencoder keeps the colours of layout maps, which say what each box is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def colour_recovery(maps: NDArray[np.uint8], reconstructed: NDArray[np.uint8]) -> float:
    """Return how much of the structures of a layout map can still be told by colour after a round trip, 0 to 1.

    A pixel counts as right if, of the colours of its own map, black among them, the one nearest to it is the true one.
    The share of right pixels is averaged over all structures of all maps, small ones counting as much as large ones.
    Grey images hide this entirely: an autoencoder may reconstruct them well and lose every colour.

    Args:
        maps: (N, H, W, 3) layout maps.
        reconstructed: (N, H, W, 3), after encoding and decoding.

    Returns:
        NaN if no map shows a structure.
    """
    shares = []
    for original, copy in zip(maps, reconstructed, strict=True):
        colours, numbers = np.unique(original.reshape(-1, 3), axis=0, return_inverse=True)
        distances = np.square(copy.reshape(-1, 1, 3).astype(np.int64) - colours[None].astype(np.int64)).sum(axis=2)
        right = distances.argmin(axis=1) == numbers.reshape(-1)
        shares += [right[numbers.reshape(-1) == number].mean() for number in np.flatnonzero(colours.any(axis=1))]
    return float(np.mean(shares)) if shares else float("nan")
