"""Pictures in JSON: PNG in base64, in both directions."""

from __future__ import annotations

import base64
import binascii

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout
from fetalflex.data.image_files import decode_image, encode_png
from fetalflex.errors import FetalFlexError


def as_text(pixels: NDArray[np.uint8]) -> str:
    """Return grey pixels, (H, W), as text."""
    return base64.b64encode(encode_png(pixels)).decode()


def mask_as_text(mask: NDArray[np.bool_]) -> str:
    """Return a mask, (H, W), as text; white is True."""
    return as_text(mask.astype(np.uint8) * 255)


def bytes_of(text: str, field: str) -> bytes:
    """Return what base64 text holds, or raise a FetalFlexError that names the field."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise FetalFlexError(f"{field} is no base64 text") from error


def mask_of(text: str, layout: Layout, field: str = "mask") -> NDArray[np.bool_]:
    """Return the mask in a text, (H, W) bool: True where it is brighter than middle grey.

    Raises:
        FetalFlexError: If it is no image, of another size than the layout, or marks nothing.
    """
    grey = decode_image(bytes_of(text, field), field)
    if grey.shape != (layout.height, layout.width):
        raise FetalFlexError(
            f"{field} has {grey.shape[1]} x {grey.shape[0]} pixels, the image {layout.width} x {layout.height}"
        )
    mask = grey > 127
    if not mask.any():
        raise FetalFlexError(f"{field} is empty; paint over what is to be drawn anew")
    return np.asarray(mask)
