"""Made-up heads: dark speckle, a bright elliptical skull, and a few structures inside, with their layouts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.data import DatasetFolder, Record

_GREY = {"thalami": 0.35, "cavum_septi_pellucidi": 0.02, "midline_falx": 0.9}


def draw_phantom(layout: Layout, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return the image (H, W) uint8 of a layout: a bright ring where the skull is, flat ellipses inside, speckle."""
    y, x = np.mgrid[: layout.height, : layout.width] + 0.5
    grey = np.full((layout.height, layout.width), 0.08)
    for structure in sorted(layout.structures, key=lambda item: -item.box.area):
        radius = _radius(structure.box, x, y)
        if structure.name == "skull":
            grey[radius < 1] = 0.2
            grey[(radius > 0.85) & (radius < 1)] = 0.95
        else:
            grey[radius < 1] = _GREY[structure.name]
    speckled = grey * rng.normal(1.0, 0.1, grey.shape) + rng.normal(0.0, 0.01, grey.shape)
    return np.rint(np.clip(speckled, 0, 1) * 255).astype(np.uint8)


def random_layout(rng: np.random.Generator, width: int = 64, height: int = 64) -> Layout:
    """Return a thalamic plane with a skull, thalami and cavum that vary in place and size."""
    size = min(width, height)
    cx, cy = width / 2 + rng.uniform(-0.1, 0.1) * size, height / 2 + rng.uniform(-0.1, 0.1) * size
    skull = Box(cx, cy, rng.uniform(0.6, 0.75) * size, rng.uniform(0.45, 0.6) * size)
    thalami = Box(cx, cy, rng.uniform(0.15, 0.25) * size, rng.uniform(0.12, 0.2) * size)
    cavum = Box(cx - 0.2 * size, cy, rng.uniform(0.08, 0.12) * size, rng.uniform(0.06, 0.1) * size)
    names = ("skull", "thalami", "cavum_septi_pellucidi")
    structures = tuple(PlacedStructure(name, box) for name, box in zip(names, (skull, thalami, cavum), strict=True))
    return Layout("thalamic_transverse", width, height, structures, pixel_spacing_mm=1.5)


def write_phantoms(root: Path, count: int, size: int = 64, seed: int = 0, val_share: float = 0.25) -> Path:
    """Write a data set folder of `count` phantoms, the last `val_share` of them for validation."""
    DatasetFolder.write(root, _phantoms(count, size, seed, val_share))
    return root


def _phantoms(count: int, size: int, seed: int, val_share: float) -> Iterator[tuple[Record, NDArray[np.uint8]]]:
    rng = np.random.default_rng(seed)
    for number in range(count):
        layout = random_layout(rng, size, size)
        split = "val" if number >= count * (1 - val_share) else "train"
        yield Record(f"images/{number:04d}.png", layout, str(number), "phantom", split), draw_phantom(layout, rng)


def _radius(box: Box, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each point is from the box's centre, 1 on the ellipse inscribed in the box."""
    angle = np.radians(box.angle)
    along = (x - box.cx) * np.cos(angle) + (y - box.cy) * np.sin(angle)
    across = (y - box.cy) * np.cos(angle) - (x - box.cx) * np.sin(angle)
    return np.hypot(along / (box.width / 2), across / (box.height / 2))
