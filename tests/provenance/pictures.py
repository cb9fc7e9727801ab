"""Pictures for tests of marks."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fetalflex.provenance import SyntheticMark

MARK = SyntheticMark({"seed": 3, "model": "mini-1"})


def scan(seed: int = 0, height: int = 360, width: int = 480) -> np.ndarray:
    """Return smooth structures with speckle, `(H, W) uint8`, other ones for each seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 220, (7, 9), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    return np.clip(smooth * rng.rayleigh(0.5, (height // 2, width // 2)).repeat(2, 0).repeat(2, 1), 0, 255).astype(
        np.uint8
    )


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def scaled(pixels: np.ndarray, factor: float) -> np.ndarray:
    height, width = pixels.shape
    size = (round(width * factor), round(height * factor))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
