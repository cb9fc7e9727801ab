"""Bring images to the model's canvas: whole, or cut to their region to synthesise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.anatomy import Canvas

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class CanvasPair:
    """A real and a synthetic image on the canvas.

    Args:
        real: (S, S) uint8.
        synthetic: (S, S) uint8.
        content: Where the image lies on the canvas, (S, S) bool; the rest is padding.
        roi: Where it was synthesised, (S, S) bool.
    """

    real: Image
    synthetic: Image
    content: Mask
    roi: Mask


def canvas_pair(real: Image, synthetic: Image, roi_mask: Mask, size: int) -> CanvasPair:
    """Bring a pair of images to the canvas.

    Args:
        real: (H, W) uint8.
        synthetic: (H, W) uint8.
        roi_mask: (H, W) bool.
        size: Side S of the canvas.
    """
    canvas = Canvas(real.shape[1], real.shape[0], size)
    x0, y0, x1, y1 = canvas.content_box
    content = np.zeros((size, size), np.bool_)
    content[y0:y1, x0:x1] = True
    return CanvasPair(
        canvas.image_to_canvas(real), canvas.image_to_canvas(synthetic), content, canvas.mask_to_canvas(roi_mask)
    )


def roi_on_canvas(image: Image, roi_mask: Mask, size: int) -> Image:
    """Return the region to synthesise as large as the canvas allows, black around it, (size, size) uint8.

    So copies are found wherever and however large they lie in the image, and a copied background hides nothing.

    Args:
        image: (H, W) uint8.
        roi_mask: (H, W) bool, not empty.
        size: Side of the canvas.
    """
    crop = np.where(roi_mask, image, 0).astype(np.uint8)[roi_window(roi_mask)]
    return Canvas(crop.shape[1], crop.shape[0], size).image_to_canvas(crop)


def roi_window(roi_mask: Mask) -> tuple[slice, slice]:
    """Return rows and columns of the smallest upright rectangle round a region, (H, W) bool, not empty."""
    rows, columns = (np.flatnonzero(roi_mask.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def batch_of(arrays: list[Image] | list[Mask]) -> Tensor:
    """Return (B, 1, H, W) from arrays (H, W)."""
    return torch.from_numpy(np.stack(arrays))[:, None]
