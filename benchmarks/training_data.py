"""The data of a training step: cached latents, against decoding, augmenting and encoding images anew."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.measuring import Comparison
from fetalflex.anatomy import Box, Layout, PlacedStructure, Registry, default_registry, prompt_corpus
from fetalflex.anatomy.conditions import build_conditions
from fetalflex.data import DatasetFolder, Record
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset
from fetalflex.models.latents import encode, pixels_from_arrays
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.config import AugmentationConfig, DataConfig
from fetalflex.training.images import TrainingView, select_samples
from fetalflex.training.latent_cache import LatentCache
from fetalflex.training.roi import draw_training_roi

BATCH = 8
IMAGES = 32
AUGMENTATION = AugmentationConfig(variants=1)


def comparison(preset: str, folder: Path) -> Comparison:
    """Return the comparison for the control stage of a preset; the first call of ours fills the cache.

    Args:
        preset: Preset with random weights.
        folder: Where the images and the cache are written.
    """
    registry, device = default_registry(), torch.device("cpu")
    components = build_components(get_preset(preset), prompt_corpus(registry)).freeze()
    DatasetFolder.write(folder / "data", _images(2 * components.config.image_size))
    samples = select_samples(DataConfig(paths=(folder / "data",)), "train", registry)
    cache = LatentCache(folder / "cache", components, registry, AUGMENTATION, 0, device, with_conditions=True)
    latents = functools.cache(lambda: cache.load(samples))
    numbers = itertools.cycle(np.array_split(np.random.default_rng(0).permutation(IMAGES), IMAGES // BATCH))

    def ours() -> list[Tensor]:
        indices = next(numbers)
        held = latents()
        fields = held.image, held.layout, held.background, held.roi_mask
        return [field[indices].float() for field in fields if field is not None]

    rng = np.random.default_rng(0)

    @torch.inference_mode()
    def theirs() -> list[Tensor]:
        chosen = [samples[i] for i in next(numbers)]
        arrays = [_arrays(sample, registry, components.config.image_size, rng) for sample in chosen]
        return [encode(components.vae, pixels_from_arrays(list(kind))) for kind in zip(*arrays, strict=True)]

    return Comparison(
        name=f"training data, control stage of {preset}, batch of {BATCH} out of {IMAGES}",
        ours=("fetalflex: cached latents", ours),
        theirs=("read, augment and encode at every step", theirs),
        unit="batch",
        per_call=1,
    )


def _arrays(
    sample: TrainingView, registry: Registry, size: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Return image, layout map and background of a sample, augmented."""
    change = Augmentation.draw(AUGMENTATION, size, rng)
    canvas = change.apply_to_image(sample.image(), size)
    layout = change.apply_to_layout(sample.layout, size)
    roi = draw_training_roi(layout, registry, rng)
    conditions = build_conditions(layout, canvas, roi, registry)
    return canvas, conditions.layout_map, conditions.background


def _images(size: int) -> Iterator[tuple[Record, NDArray[np.uint8]]]:
    """Yield speckle images, as large as ultrasound images are, with a head's layout."""
    rng = np.random.default_rng(0)
    skull = PlacedStructure("skull", Box(size / 2, size / 2, size * 0.7, size * 0.5, 10))
    thalami = PlacedStructure("thalami", Box(size / 2, size / 2, size * 0.2, size * 0.15))
    layout = Layout("thalamic_transverse", size, size, (skull, thalami))
    for number in range(IMAGES):
        speckle = rng.rayleigh(40, (size, size)).clip(0, 255).astype(np.uint8)
        yield Record(f"{number:03d}.png", layout, str(number), "speckle", "train"), speckle
