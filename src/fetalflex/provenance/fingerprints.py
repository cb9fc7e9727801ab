"""What a picture is known by when its file says nothing any more: the digest of its pixels, and its look."""

from __future__ import annotations

import functools
import hashlib

import numpy as np
from numpy.typing import NDArray

LOOK_SIDE = 32
LARGEST_DIFFERENCE = 4
"""Grey levels by which no cell of two looks may differ if they are of one picture, saved with losses or scaled.

Measured on 16 real images: JPEG of quality 50 and more makes at most 4, scaling to a half 3; of 29 edits of small
structures on them the least differs from its source by 10.
"""

_ROWS_AT_ONCE = 512
LEAST_CONTRAST = 32
"""Grey levels between the darkest and the brightest cell of a look that tells a picture; others look much alike."""

_LEAST_CORRELATION = 0.9
"""Of the cells of one picture before and after it was saved anew."""

Look = NDArray[np.uint8]


def pixel_digest(pixels: NDArray[np.uint8]) -> bytes:
    """Return the SHA-256 of an image's size and grey values, `(H, W) uint8`, as `read_image` gives them."""
    return hashlib.sha256(f"{pixels.shape} ".encode() + pixels.tobytes()).digest()


def look_of(pixels: NDArray[np.uint8]) -> Look:
    """Return the mean grey of 32 x 32 cells of an image, `(H, W) uint8`, as `(1024,) uint8`.

    Saving with losses and scaling hardly change it; whatever is drawn anew in a part of the image does.
    """
    height, width = pixels.shape
    down, across = _weights(height), _weights(width).T
    means = np.zeros((LOOK_SIDE, LOOK_SIDE))
    for first in range(0, height, _ROWS_AT_ONCE):  # a large image is not held as floats
        rows = slice(first, first + _ROWS_AT_ONCE)
        means += down[:, rows] @ (pixels[rows].astype(np.float64) @ across)
    return np.rint(means).astype(np.uint8).reshape(-1)


def turned(look: Look) -> list[Look]:
    """Return a look, `(1024,)`, turned by quarters and mirrored in all 8 ways, as it is first."""
    cells = look.reshape(LOOK_SIDE, LOOK_SIDE)
    ways = [np.rot90(one, quarter) for one in (cells, cells[:, ::-1]) for quarter in range(4)]
    return [np.ascontiguousarray(way).reshape(-1) for way in ways]


def resemble(one: Look, other: Look) -> bool:
    """Say whether two looks can be of one picture, whatever was done to its contrast, and however it was turned.

    Looks with hardly any contrast can be of any picture.
    """
    if min(int(np.ptp(one)), int(np.ptp(other))) < LEAST_CONTRAST:
        return True
    return any(float(np.corrcoef(way, other)[0, 1]) > _LEAST_CORRELATION for way in turned(one))


def coarse(looks: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the means of 4 x 4 squares of looks, `(N, 1024)`, as `(N, 16)`: they differ no more than cells do."""
    side = LOOK_SIDE // 4
    return looks.reshape(-1, 4, side, 4, side).mean(axis=(2, 4), dtype=np.float32).reshape(len(looks), 16)


@functools.lru_cache(maxsize=64)
def _weights(length: int) -> NDArray[np.float64]:
    """Return what each pixel of a line counts in each of 32 equal parts of it, (32, length); rows sum to 1."""
    edges = np.linspace(0, length, LOOK_SIDE + 1)
    starts = np.arange(length)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.maximum(overlap, 0) * (LOOK_SIDE / length)
