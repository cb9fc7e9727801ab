"""Pictures of the gallery's sheets: layouts, images, and layouts over images, all at one width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from fetalflex.anatomy import Layout, Registry, draw_layout_map, draw_overlay
from fetalflex.figures.style import Colour, draw_dashed

EDGE = (140, 140, 140)
"""Colour of a region's edge."""


@dataclass(frozen=True)
class PanelPainter:
    """Draw panels of one width.

    Args:
        registry: Where colours come from.
        width: Width of every panel in pixels; the height follows from the layout's shape.
    """

    registry: Registry
    width: int = 320

    def layout_map(self, layout: Layout, before: Layout | None = None) -> NDArray[np.uint8]:
        """Return the layout map, (h, w, 3) uint8; boxes of a layout before that are no longer there are dashed."""
        picture = Image.fromarray(draw_layout_map(layout, self.registry, self._size(layout)))
        self._dash(picture, layout, before)
        return np.asarray(picture)

    def image(self, image: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
        """Return an image or picture, (H, W) or (H, W, 3) uint8 of the layout's size, as (h, w, 3) uint8."""
        scaled = Image.fromarray(image).resize(self._size(layout), Image.Resampling.LANCZOS)
        return np.asarray(scaled.convert("RGB"))

    def overlay(self, image: NDArray[np.uint8], layout: Layout, before: Layout | None = None) -> NDArray[np.uint8]:
        """Return the boxes of a layout over an image, (h, w, 3) uint8.

        Args:
            image: (H, W) uint8 of the layout's size.
            layout: Boxes to draw.
            before: The layout before an edit; boxes of it that are no longer there are drawn dashed.
        """
        width, height = self._size(layout)
        scale = width / layout.width
        scaled = layout.rescaled(scale, width=width, height=height)
        picture = draw_overlay(self.image(image, layout), scaled, self.registry, labels=False)
        self._dash(picture, layout, before)
        return np.asarray(picture)

    def marked(self, picture: NDArray[np.uint8], region: NDArray[np.bool_], layout: Layout) -> NDArray[np.uint8]:
        """Return a picture, as `image` does, with the edge of a region, (H, W) bool, drawn over it."""
        scaled = Image.fromarray(region).resize(self._size(layout), Image.Resampling.NEAREST)
        inside = np.asarray(scaled, dtype=np.bool_)
        edge = inside & ~ndimage.binary_erosion(inside)
        return np.where(edge[..., None], np.asarray(EDGE, np.uint8), self.image(picture, layout))

    def _dash(self, picture: Image.Image, layout: Layout, before: Layout | None) -> None:
        """Draw, in dashes, the boxes of the layout before that a layout no longer holds."""
        pen, scale = ImageDraw.Draw(picture), self.width / layout.width
        for placed in () if before is None else before.structures:
            if placed not in layout.structures:
                corners = placed.box.transformed(scale, 0.0, 0.0).polygon() - 0.5
                draw_dashed(pen, corners, _pale(self.registry.structure(placed.name).colour))

    def _size(self, layout: Layout) -> tuple[int, int]:
        return self.width, max(1, round(self.width * layout.height / layout.width))


def _pale(colour: Colour) -> Colour:
    """Mix a colour with as much white, so that it shows on dark images."""
    red, green, blue = ((value + 255) // 2 for value in colour)
    return red, green, blue
