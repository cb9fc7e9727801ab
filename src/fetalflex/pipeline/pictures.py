"""Arrays from what users give as images and masks."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError

Image: TypeAlias = NDArray[np.uint8]
"""(H, W) grey."""

Mask: TypeAlias = NDArray[np.bool_]
"""(H, W), True where pixels may change."""

ImageLike: TypeAlias = Image | Picture
MaskLike: TypeAlias = Mask | Picture


def grey_array(value: ImageLike, shape: tuple[int, int], name: str = "image") -> Image:
    """Return a grey image as (H, W) uint8.

    Args:
        value: (H, W) uint8, or a PIL image of mode L.
        shape: Height and width that it must have.
        name: What messages call it.

    Raises:
        FetalFlexError: If it is something else, or of another size.
    """
    if isinstance(value, (str, Path)):
        raise FetalFlexError(
            f"{name} is {shown(value)}; read the file first: {name}=fetalflex.read_image({str(value)!r})"
        )
    if isinstance(value, Picture):
        if value.mode != "L":
            raise FetalFlexError(f"{name} is a PIL image of mode {value.mode}; give a grey one: {name}.convert('L')")
        value = np.asarray(value)
    if not isinstance(value, np.ndarray):
        raise FetalFlexError(
            f"{name} must not be {shown(value)} ({type(value).__name__}); give an array or a PIL image"
        )
    if value.dtype != np.uint8 or value.shape != shape:
        raise FetalFlexError(
            f"{name} is {value.dtype} {value.shape}, the layout is for uint8 {shape} (height, width); "
            "give the grey image that the layout describes"
        )
    return value


def mask_array(value: MaskLike) -> object:
    """Return a mask as (H, W) bool: PIL images of mode 1, and of mode L with two values, are True where not black.

    What is neither is returned as it is, for the caller to refuse.
    """
    if not isinstance(value, Picture):
        return value
    if value.mode not in ("1", "L"):
        raise FetalFlexError(f"the mask is a PIL image of mode {value.mode}; give one of mode 1 or L")
    marks = np.asarray(value)
    if marks.dtype != np.bool_ and len(values := np.unique(marks[marks > 0])) > 1:
        raise FetalFlexError(f"the mask holds {len(values)} grey values beside black; give black and one other value")
    return marks != 0
