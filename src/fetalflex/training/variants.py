"""Variants of training images and their conditions, as arrays small enough to travel between processes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry, global_prompt
from fetalflex.anatomy.drawing import draw_structure_numbers
from fetalflex.anatomy.layout_code import draw_label_maps
from fetalflex.diffusion.masks import mask_to_latents, share_of_latents
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.config import AugmentationConfig
from fetalflex.training.images import TrainingView
from fetalflex.training.roi import draw_inner_mask, draw_training_roi

Map = Callable[..., Iterable[Any]]
"""`map`, or that of a pool."""


@dataclass(frozen=True)
class VariantConditions:
    """The conditions of N variants: pixels of what the autoencoder encodes, the rest at latent resolution.

    Args:
        numbers: Which structure the layout map shows, (N, S, S); see `draw_structure_numbers`.
        shares: Share of each latent that a structure with a channel of its own covers, (N, K, h, w) float16, exact.
        background: The images with their ROI blanked, (N, S, S) uint8.
        roi_mask: 1 inside the ROI, (N, 1, h, w) uint8.
        structure_mask: 1 where a structure other than the plane's outline lies, (N, 1, h, w) uint8.
    """

    numbers: NDArray[np.uint8] | NDArray[np.uint16]
    shares: NDArray[np.float16]
    background: NDArray[np.uint8]
    roi_mask: NDArray[np.uint8]
    structure_mask: NDArray[np.uint8]


@dataclass(frozen=True)
class Variants:
    """N variants of images on the canvas.

    Args:
        prompts: Global prompt of each.
        image: (N, S, S) uint8.
        conditions: None if not asked for.
    """

    prompts: list[str]
    image: NDArray[np.uint8]
    conditions: VariantConditions | None


@dataclass(frozen=True)
class VariantMaker:
    """Draw the variants of images; what a variant is follows from seed, image and layout alone.

    Args:
        registry: Planes and structures.
        channels: Structures that have a channel beside the layout map.
        augmentation: How images are varied, and how often; the first variant is the image as it is.
        seed: Seed of the augmentation.
        size: Side of the canvas.
        latent_size: Side of its latents.
        with_conditions: Whether to make the conditions too.
    """

    registry: Registry
    channels: tuple[str, ...]
    augmentation: AugmentationConfig
    seed: int
    size: int
    latent_size: int
    with_conditions: bool

    def make(self, samples: Sequence[TrainingView], images: Sequence[NDArray[np.uint8]], each: Map = map) -> Variants:
        """Return all variants of the samples, in order.

        Args:
            samples: Views of images.
            images: Their pixels, each (H, W).
            each: Calls a function with each sample and its image.
        """
        made = [one for of_sample in each(self._of_sample, samples, images) for one in of_sample]
        conditions = [one.conditions for one in made if one.conditions is not None]
        return Variants(
            prompts=[prompt for one in made for prompt in one.prompts],
            image=np.concatenate([one.image for one in made]),
            conditions=_joined(conditions) if conditions else None,
        )

    def _of_sample(self, sample: TrainingView, image: NDArray[np.uint8]) -> list[Variants]:
        content = int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8], "little")
        layout = sample.layout
        shown = sample.shown_layout if sample.kept_back else layout
        variants = []
        for number in range(self.augmentation.variants):
            rng = np.random.default_rng([self.seed, content, number])
            change = Augmentation() if number == 0 else Augmentation.draw(self.augmentation, self.size, rng)
            canvas = change.apply_to_image(image, self.size)
            placed = change.apply_to_layout(layout, self.size)
            placed_shown = placed if shown is layout else change.apply_to_layout(shown, self.size)
            prompt = global_prompt(placed_shown, self.registry) if sample.prompt is None else sample.prompt
            conditions = self._conditions(placed, placed_shown, canvas, rng) if self.with_conditions else None
            variants.append(Variants([prompt], canvas[None], conditions))
        return variants

    def _conditions(
        self, layout: Layout, shown: Layout, canvas: NDArray[np.uint8], rng: np.random.Generator
    ) -> VariantConditions:
        roi = draw_training_roi(layout, self.registry, rng)
        return VariantConditions(
            numbers=draw_structure_numbers(shown, self.registry)[None],
            shares=self._shares(shown),
            background=np.where(roi, 0, canvas).astype(np.uint8)[None],
            roi_mask=self._at_latents(roi),
            structure_mask=self._at_latents(draw_inner_mask(layout, self.registry)),
        )

    def _shares(self, shown: Layout) -> NDArray[np.float16]:
        """Return which share of each latent a structure with a channel covers, (1, K, h, w)."""
        shares = np.zeros((1, len(self.channels), self.latent_size, self.latent_size), np.float16)
        names = set(shown.names())
        drawn = [number for number, name in enumerate(self.channels) if name in names]  # few of them
        if drawn:
            labels = draw_label_maps(shown, [self.channels[number] for number in drawn])
            shares[:, drawn] = share_of_latents(torch.from_numpy(labels)[None], self.latent_size).numpy()
        return shares

    def _at_latents(self, mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """Return a mask (S, S) at latent resolution, (1, 1, h, w)."""
        found: NDArray[np.uint8] = (
            mask_to_latents(torch.from_numpy(mask)[None, None], self.latent_size).to(torch.uint8).numpy()
        )
        return found


def _joined(parts: Sequence[VariantConditions]) -> VariantConditions:
    return VariantConditions(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("numbers", "shares", "background", "roi_mask", "structure_mask")
        )
    )
