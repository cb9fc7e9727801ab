"""Text that the scanner has drawn into an image, and regions that do not cut through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STROKE = 0.012
"""Strokes are thinner than this, as a share of the longer image side; lines of tissue are mostly thicker."""

_LEAST_GREY, _LEAST_STEP = 70, 50
"""Strokes are at least this bright, and by this much brighter than what lies within their width; echoes fade."""

_GROUND, _GROUND_SHARE = 32, 80
"""Text stands on black: of the pixels round a word this percentage is at most so bright. On tissue, bright lines
cannot be told from strokes."""

_LARGEST_GLYPH = 0.06
"""Longest side of one connected stroke, a share of the longer image side; longer bright lines are tissue."""

_LETTER_GAP = 0.014
"""Strokes that lie this near beside each other, a share of the longer image side, are one word."""

_MOST = 0.5
"""Share of a word in a region from which it is taken in."""

_BORDER = 2
"""Pixels round a word that belong to it: the rim of its strokes, and what an image file has smeared."""


Window: TypeAlias = tuple[slice, slice]


def find_words(image: NDArray[np.uint8]) -> list[Window]:
    """Find what looks like words and numbers on black: small, thin and sharp strokes, grouped along lines.

    Args:
        image: (H, W) uint8 grey.

    Returns:
        (rows, columns) of the upright rectangle round each and two pixels more, in no special order. Bright points at
        the edge of tissue may be among them.
    """
    from scipy import ndimage

    longer = max(image.shape)
    width = max(3, 2 * round(_STROKE * longer / 2) + 1)
    step = image.astype(np.int16) - ndimage.grey_opening(image, size=(width, width))
    strokes, count = ndimage.label((image >= _LEAST_GREY) & (step >= _LEAST_STEP), np.ones((3, 3)))
    limit = max(3.0, _LARGEST_GLYPH * longer)
    glyphs = np.zeros(image.shape, np.bool_)
    for number, window in enumerate(ndimage.find_objects(strokes, count), start=1):
        if max(one.stop - one.start for one in window) <= limit:
            glyphs[window] |= strokes[window] == number
    gap = max(1, round(_LETTER_GAP * longer))
    lines = ndimage.binary_closing(np.pad(glyphs, gap), np.ones((1, gap + 1)))[gap:-gap, gap:-gap] | glyphs
    near = ndimage.binary_dilation(lines, np.ones((3, 3)), iterations=_BORDER)
    found = ndimage.find_objects(ndimage.label(lines, np.ones((3, 3)))[0])
    marked = np.zeros(image.shape, np.bool_)
    for word in found:
        if _is_on_black(word, image, near):
            marked[_around(word, _BORDER, image.shape)] = True
    words: list[Window] = ndimage.find_objects(ndimage.label(marked)[0])  # rectangles that touch are one
    return words


def _is_on_black(word: Window, image: NDArray[np.uint8], near: NDArray[np.bool_]) -> bool:
    """Say whether what lies round a word is black; `near` marks all strokes and what they blur into."""
    window = _around(word, 4 * _BORDER, image.shape)
    ground = image[window][~near[window]]
    return bool(ground.size) and float(np.percentile(ground, _GROUND_SHARE)) <= _GROUND


def _around(window: Window, space: int, shape: tuple[int, ...]) -> Window:
    rows, columns = window
    return (
        slice(max(rows.start - space, 0), min(rows.stop + space, shape[0])),
        slice(max(columns.start - space, 0), min(columns.stop + space, shape[1])),
    )


def with_whole_words(
    region: NDArray[np.bool_], image: NDArray[np.uint8], needed: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return a region that holds each word of an image wholly or not at all.

    A word that the region's rim cuts is left out if most of it lies outside and none of it where the region is needed;
    else it is taken in.

    Args:
        region: (H, W) bool.
        image: (H, W) uint8 grey.
        needed: (H, W) bool, what must not be left out.
    """
    changed = region.copy()
    for window in find_words(image):
        share = float(region[window].mean())
        if 0 < share < 1:
            changed[window] = share >= _MOST or bool(needed[window].any())
    return changed if changed.any() else region
