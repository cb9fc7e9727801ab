"""Canvas: where an image of any shape lies on the square canvas of a model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fetalflex.anatomy.layout import MAX_IMAGE_SIDE, Layout
from fetalflex.checks import whole_number
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Canvas:
    """Place a whole image on a square canvas, aspect kept, centred on whole pixels, the rest 0 (letterbox).

    A point (x, y) of the image lies at (x * scale + dx, y * scale + dy) on the canvas, with scale = size / longer side.

    Args:
        image_width: pixels, 1 to 16384.
        image_height: pixels, 1 to 16384.
        size: side of the canvas, pixels, 1 to 16384.
    """

    image_width: int
    image_height: int
    size: int

    def __post_init__(self) -> None:
        for field in ("image_width", "image_height", "size"):
            whole_number(getattr(self, field), f"canvas {field}", 1, MAX_IMAGE_SIDE)

    @property
    def scale(self) -> float:
        """Canvas pixels per image pixel."""
        return self.size / max(self.image_width, self.image_height)

    @property
    def dx(self) -> int:
        """Columns of padding left of the image."""
        return math.floor((self.size - self.image_width * self.scale) / 2 + _ROUNDING)

    @property
    def dy(self) -> int:
        """Rows of padding above the image."""
        return math.floor((self.size - self.image_height * self.scale) / 2 + _ROUNDING)

    @property
    def content_box(self) -> tuple[int, int, int, int]:
        """(x0, y0, x1, y1) of the canvas pixels that the image touches."""
        x1 = math.ceil(self.dx + self.image_width * self.scale - _ROUNDING)
        y1 = math.ceil(self.dy + self.image_height * self.scale - _ROUNDING)
        return self.dx, self.dy, x1, y1

    def layout_to_canvas(self, layout: Layout) -> Layout:
        """Return the layout in canvas pixels, (size, size)."""
        _check_layout(layout, self.image_width, self.image_height)
        return layout.rescaled(self.scale, self.dx, self.dy, width=self.size, height=self.size)

    def layout_from_canvas(self, layout: Layout) -> Layout:
        """Return a layout of the canvas in image pixels; a box wholly in the padding raises FetalFlexError."""
        _check_layout(layout, self.size, self.size)
        back = 1 / self.scale
        return layout.rescaled(back, -self.dx * back, -self.dy * back, width=self.image_width, height=self.image_height)

    def image_to_canvas(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return an image, uint8 (H, W), on the canvas, uint8 (size, size); padding 0.

        Shrinks with a Lanczos filter, enlarges with a bicubic one; an image of the canvas's scale is copied.
        """
        _check_array(image, (self.image_height, self.image_width), np.uint8, "image")
        x0, y0, x1, y1 = self.content_box
        canvas = np.zeros((self.size, self.size), dtype=np.uint8)
        canvas[y0:y1, x0:x1] = _resampled(image, (y1 - y0, x1 - x0), self.scale)
        return canvas

    def image_from_canvas(self, canvas: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image, uint8 (H, W), that lies on a canvas, uint8 (size, size)."""
        _check_array(canvas, (self.size, self.size), np.uint8, "canvas image")
        x0, y0, x1, y1 = self.content_box
        return _resampled(canvas[y0:y1, x0:x1], (self.image_height, self.image_width), 1 / self.scale)

    def mask_to_canvas(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return a mask, bool (H, W), on the canvas, bool (size, size); padding False.

        Takes the nearest pixel; when shrinking, the maximum over all pixels that a canvas pixel covers, so that no
        set pixel is lost.
        """
        _check_array(mask, (self.image_height, self.image_width), np.bool_, "mask")
        x0, y0, x1, y1 = self.content_box
        canvas = np.zeros((self.size, self.size), dtype=np.bool_)
        canvas[y0:y1, x0:x1] = _resampled_mask(mask, (y1 - y0, x1 - x0), self.scale)
        return canvas

    def mask_from_canvas(self, canvas: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the mask, bool (H, W), that lies on a canvas, bool (size, size); see `mask_to_canvas`."""
        _check_array(canvas, (self.size, self.size), np.bool_, "canvas mask")
        x0, y0, x1, y1 = self.content_box
        return _resampled_mask(canvas[y0:y1, x0:x1], (self.image_height, self.image_width), 1 / self.scale)


def _resampled(image: NDArray[np.uint8], shape: tuple[int, int], scale: float) -> NDArray[np.uint8]:
    """Scale an image to `shape`; output (x, y) shows input (x / scale, y / scale), edge pixels repeated outside."""
    from PIL import Image

    height, width = image.shape
    if scale == 1 and image.shape == shape:
        return image.copy()
    region_width, region_height = shape[1] / scale, shape[0] / scale
    right = max(0, math.ceil(region_width - width))
    below = max(0, math.ceil(region_height - height))
    padded = np.pad(image, ((0, below), (0, right)), mode="edge") if right or below else image
    resampling = Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC
    region = (0.0, 0.0, min(region_width, width + right), min(region_height, height + below))
    resized = Image.fromarray(padded).resize((shape[1], shape[0]), resampling, box=region)
    return np.asarray(resized, dtype=np.uint8).copy()


def _resampled_mask(mask: NDArray[np.bool_], shape: tuple[int, int], scale: float) -> NDArray[np.bool_]:
    rows = _scaled_along_first_axis(mask, shape[0], scale)
    return np.ascontiguousarray(_scaled_along_first_axis(rows.T, shape[1], scale).T)


def _scaled_along_first_axis(mask: NDArray[np.bool_], length: int, scale: float) -> NDArray[np.bool_]:
    starts = np.arange(length) / scale
    if scale >= 1:
        return mask[np.minimum((starts + 0.5 / scale).astype(np.intp), len(mask) - 1)]
    first = np.minimum(np.floor(starts + _ROUNDING).astype(np.intp), len(mask) - 1)
    last = np.minimum(np.ceil(starts + 1 / scale - _ROUNDING).astype(np.intp), len(mask))
    counts = np.concatenate([np.zeros((1, mask.shape[1]), np.int32), np.cumsum(mask, axis=0, dtype=np.int32)])
    return counts[np.maximum(last, first + 1)] > counts[first]


def _check_layout(layout: Layout, width: int, height: int) -> None:
    if (layout.width, layout.height) != (width, height):
        raise FetalFlexError(f"layout must be {width} x {height} px, got {layout.width} x {layout.height}")


def _check_array(array: object, shape: tuple[int, int], dtype: type, what: str) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.shape != shape:
        kind = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise FetalFlexError(f"{what} must be a {np.dtype(dtype)} array of shape {shape}, got {kind}")
