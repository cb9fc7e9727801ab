"""COCO's run-length encoded masks.

They are decoded here, with the counts checked first, because the decoder of pycocotools writes past its memory when the
counts do not fit the size. Tests hold the result against pycocotools.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.box import Box
from fetalflex.checks import shown, whole_number
from fetalflex.data.limits import MAX_RUNS
from fetalflex.errors import FetalFlexError


def mask_from_rle(rle: object, width: int, height: int) -> NDArray[np.bool_]:
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
    lengths = _lengths(rle, width, height)
    is_inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(is_inside, lengths).reshape(width, height).T


def box_of_rle(rle: object, width: int, height: int, rotated: bool = False) -> Box:
    """Return the box around all pixels of a run-length encoded mask, in time linear in its runs.

    Args:
        rle: As for `mask_from_rle`.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        rotated: Return the rectangle of smallest area instead of the upright one.

    Raises:
        FetalFlexError: As `mask_from_rle`, or if the mask is empty.
    """
    lengths = np.array(_lengths(rle, width, height), dtype=np.int64)
    ends = np.cumsum(lengths)[1::2]
    starts = ends - lengths[1::2]
    is_run = ends > starts
    starts, lasts = starts[is_run], ends[is_run] - 1
    if len(starts) == 0:
        raise FetalFlexError("the mask is empty")
    first_column, first_row = starts // height, starts % height
    last_column, last_row = lasts // height, lasts % height
    is_long = last_column > first_column
    # A run over a column's end covers the rest of that column, whole ones between, and the head of its last one.
    columns = np.concatenate([first_column, last_column, first_column[is_long] + 1, last_column[is_long] - 1])
    upper = np.concatenate([first_row, np.where(is_long, 0, first_row)])
    lower = np.concatenate([np.where(is_long, height - 1, last_row), last_row])
    is_whole = last_column[is_long] - first_column[is_long] > 1
    whole = np.concatenate([is_whole, is_whole])
    columns = np.concatenate([columns[: 2 * len(starts)], columns[2 * len(starts) :][whole]])
    upper = np.concatenate([upper, np.zeros(whole.sum(), np.int64)])
    lower = np.concatenate([lower, np.full(whole.sum(), height - 1, np.int64)])
    if not rotated:
        return Box.from_corners(
            float(columns.min()), float(upper.min()), float(columns.max() + 1), float(lower.max() + 1)
        )
    used = np.unique(columns)
    index = np.searchsorted(used, columns)
    top, bottom = np.full(len(used), height), np.zeros(len(used), np.int64)
    np.minimum.at(top, index, upper)
    np.maximum.at(bottom, index, lower + 1)
    corners = [(used, top), (used + 1, top), (used, bottom), (used + 1, bottom)]
    points = np.concatenate([np.stack(corner, axis=1) for corner in corners])
    return Box.from_polygon(points.astype(np.float64), rotated=True)


def _lengths(rle: object, width: int, height: int) -> list[int]:
    """Return the run lengths of a mask of width x height pixels, checked."""
    if not isinstance(rle, dict) or rle.get("size") != [height, width]:
        size = shown(rle.get("size") if isinstance(rle, dict) else rle)
        raise FetalFlexError(f"the mask's size is {size}; it must be [{height}, {width}] like its image")
    counts = rle.get("counts")
    lengths = _decompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(lengths, list):
        raise FetalFlexError(f"the mask's counts are {shown(counts)}; they must be a text or a list of run lengths")
    if len(lengths) > MAX_RUNS:
        raise FetalFlexError(f"the mask has {len(lengths):,} runs; at most {MAX_RUNS:,} are read")
    area = width * height
    total = sum(whole_number(length, "a run length of the mask", 0, area) for length in lengths)
    if total != area:
        raise FetalFlexError(f"the mask's run lengths sum to {total}; {width} x {height} pixels need {area}")
    return lengths


def _decompressed(text: str) -> list[int]:
    """Return the run lengths of COCO's text: five bits a character, from the third on as differences to two before."""
    if len(text) > 6 * MAX_RUNS:
        raise FetalFlexError(f"the mask's counts have {len(text):,} characters, too many for {MAX_RUNS:,} runs")
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
