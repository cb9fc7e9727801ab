"""COCO's run-length encoded masks.

They are decoded here, with the counts checked first, because the decoder of pycocotools writes past its memory when the
counts do not fit the size. Tests hold the result against pycocotools.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.checks import shown, whole_number
from fetalflex.errors import FetalFlexError


def mask_from_rle(rle: Any, width: int, height: int) -> NDArray[np.bool_]:
    """Return the mask of a run-length encoding.

    Args:
        rle: Object with `size` [height, width] and `counts`: run lengths in column order, beginning with zeros, either
            a list or COCO's compressed text.
        width: Width of the image, pixels.
        height: Height of the image, pixels.

    Returns:
        `(H, W) bool`, true inside.

    Raises:
        FetalFlexError: If it is no run-length encoding, or is one of another size.
    """
    if not isinstance(rle, dict) or rle.get("size") != [height, width]:
        size = shown(rle.get("size") if isinstance(rle, dict) else rle)
        raise FetalFlexError(f"the mask's size is {size}; it must be [{height}, {width}] like its image")
    counts = rle.get("counts")
    lengths = _decompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(lengths, list):
        raise FetalFlexError(f"the mask's counts are {shown(counts)}; they must be a text or a list of run lengths")
    area = width * height
    total = sum(whole_number(length, "a run length of the mask", 0, area) for length in lengths)
    if total != area:
        raise FetalFlexError(f"the mask's run lengths sum to {total}; {width} x {height} pixels need {area}")
    is_inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(is_inside, lengths).reshape(width, height).T


def _decompressed(text: str) -> list[int]:
    """Return the run lengths of COCO's text: five bits a character, from the third on as differences to two before."""
    lengths: list[int] = []
    position = 0
    while position < len(text):
        value, shift, more = 0, 0, True
        while more:
            if position >= len(text) or shift > 60:
                raise FetalFlexError("the mask's counts break off within a number")
            bits = ord(text[position]) - 48
            if not 0 <= bits < 64:
                raise FetalFlexError(f"the mask's counts hold the character {text[position]!r}")
            value |= (bits & 0x1F) << shift
            more = bool(bits & 0x20)
            position += 1
            shift += 5
            if not more and bits & 0x10:
                value -= 1 << shift
        lengths.append(value + lengths[-2] if len(lengths) > 2 else value)
    return lengths
