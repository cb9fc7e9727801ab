"""Phantoms to synthesise, and masks."""

from __future__ import annotations

import numpy as np

from fetalflex.anatomy import Layout, PlacedStructure, default_registry
from fetalflex.pipeline.synthesis import Synthesis
from phantoms import draw_phantom, random_layout

REGISTRY = default_registry()


def scene(width: int = 64, height: int = 64, seed: int = 0) -> tuple[Layout, np.ndarray]:
    """Return a phantom's layout and image."""
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, width, height)
    return layout, draw_phantom(layout, rng)


def disc(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return np.hypot((x - width / 2) / width, (y - height / 3) / height) < 0.2


def one_pixel(width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[-1, -1] = True
    return mask


def difference(first: Synthesis, second: Synthesis) -> int:
    return int(np.abs(first.image.astype(int) - second.image).max())


def far_scene() -> tuple[Layout, np.ndarray]:
    """Return a phantom that fills a small part of its image."""
    layout, image = scene(64, 64)
    wide = np.pad(image, ((40, 120), (200, 60)), mode="edge")
    return layout.rescaled(1, 200, 40, width=wide.shape[1], height=wide.shape[0]), wide


def moved(layout: Layout, dx: float) -> Layout:
    """Return the layout with its cavum moved to the right."""
    *others, cavum = layout.structures
    return layout.with_structures([*others, PlacedStructure(cavum.name, cavum.box.translated(dx, 0))])
