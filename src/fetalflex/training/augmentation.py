"""Vary an image together with its boxes: parameters are drawn in one place and applied in another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fetalflex.anatomy import Canvas, Layout, PlacedStructure
from fetalflex.anatomy.close_up import LEAST_INSIDE
from fetalflex.training.config import AugmentationConfig


@dataclass(frozen=True)
class Augmentation:
    """The parameters of one augmentation.

    On the canvas, in this order: flip left-right, zoom and rotate about the centre, shift; then gamma on grey values.

    Args:
        flip: Whether to flip.
        rotation: Degrees, clockwise on the screen.
        zoom: Scale factor.
        shift_x: Canvas pixels to the right.
        shift_y: Canvas pixels downwards.
        gamma: Exponent of grey values in [0, 1].
    """

    flip: bool = False
    rotation: float = 0.0
    zoom: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    gamma: float = 1.0

    @classmethod
    def draw(cls, config: AugmentationConfig, size: int, rng: np.random.Generator) -> Augmentation:
        """Draw parameters for a canvas of side `size`."""
        low, high = (math.log(value) for value in config.gamma)
        return cls(
            flip=bool(rng.random() < config.flip),
            rotation=float(rng.uniform(-config.rotation, config.rotation)),
            zoom=float(rng.uniform(*config.zoom)),
            shift_x=float(rng.uniform(-config.shift, config.shift) * size),
            shift_y=float(rng.uniform(-config.shift, config.shift) * size),
            gamma=math.exp(rng.uniform(low, high)),
        )

    def apply_to_image(self, image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """Return the augmented image on the canvas.

        Args:
            image: (H, W) uint8, any size.
            size: Side S of the canvas.

        Returns:
            (S, S) uint8, black where the image does not reach.
        """
        if self == Augmentation():
            return Canvas(image.shape[1], image.shape[0], size).image_to_canvas(image)
        scale = Canvas(image.shape[1], image.shape[0], size).scale * self.zoom
        picture = Image.fromarray(image[:, ::-1] if self.flip else image)
        width, height = (max(1, round(side * scale)) for side in picture.size)
        # Resizing filters out what would alias; the affine step then only turns and shifts.
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        cos, sin = math.cos(math.radians(self.rotation)), math.sin(math.radians(self.rotation))
        x, y = size / 2 + self.shift_x, size / 2 + self.shift_y
        matrix = (cos, sin, width / 2 - cos * x - sin * y, -sin, cos, height / 2 + sin * x - cos * y)
        picture = picture.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
        levels = np.rint((np.arange(256) / 255) ** self.gamma * 255).astype(np.uint8)
        return levels[np.asarray(picture)]

    def apply_to_layout(self, layout: Layout, size: int) -> Layout:
        """Return the layout in canvas pixels, moved as the image is; boxes that leave the canvas are dropped.

        Args:
            layout: Layout in pixels of the image.
            size: Side of the canvas.
        """
        canvas, centre = Canvas(layout.width, layout.height, size), size / 2
        if self == Augmentation():
            placed = canvas.layout_to_canvas(layout)
        else:  # a canvas places images on whole pixels, `apply_to_image` exactly in the centre
            dx, dy = (centre - side * canvas.scale / 2 for side in (layout.width, layout.height))
            placed = layout.rescaled(canvas.scale, dx, dy, width=size, height=size)
        if self.flip:
            placed = placed.mirrored_horizontally()
        structures = []
        for structure in placed.structures:
            box = structure.box.transformed(self.zoom, centre * (1 - self.zoom), centre * (1 - self.zoom))
            box = box.rotated_about(centre, centre, self.rotation).translated(self.shift_x, self.shift_y)
            if box.inside_fraction(size, size) >= LEAST_INSIDE:
                structures.append(PlacedStructure(structure.name, box))
        spacing = placed.pixel_spacing_mm
        return Layout(placed.plane, size, size, tuple(structures), None if spacing is None else spacing / self.zoom)
