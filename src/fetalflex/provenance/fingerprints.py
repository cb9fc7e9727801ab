"""What a picture is known by when its file says nothing any more: the digest of its pixels, and its look."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

LOOK_SIDE = 16
LARGEST_DIFFERENCE = 3
"""Grey levels by which no cell of two looks may differ if they are of one picture, saved with losses or scaled."""

Look = NDArray[np.uint8]


def pixel_digest(pixels: NDArray[np.uint8]) -> bytes:
    """Return the SHA-256 of an image's size and grey values, `(H, W) uint8`, as `read_image` gives them."""
    return hashlib.sha256(f"{pixels.shape} ".encode() + pixels.tobytes()).digest()


def look_of(pixels: NDArray[np.uint8]) -> Look:
    """Return the mean grey of 16 x 16 cells of an image, `(H, W) uint8`, as `(256,) uint8`.

    Saving with losses and scaling hardly change it; whatever is drawn anew in a part of the image does.
    """
    height, width = pixels.shape
    means = _weights(height) @ pixels.astype(np.float64) @ _weights(width).T
    return np.rint(means).astype(np.uint8).reshape(-1)


def _weights(length: int) -> NDArray[np.float64]:
    """Return what each pixel of a line counts in each of 16 equal parts of it, (16, length); rows sum to 1."""
    edges = np.linspace(0, length, LOOK_SIDE + 1)
    starts = np.arange(length)
    overlap = np.minimum(edges[1:, None], starts + 1) - np.maximum(edges[:-1, None], starts)
    return np.maximum(overlap, 0) * (LOOK_SIDE / length)
