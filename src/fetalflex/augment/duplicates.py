"""Near-copies among all images of a set, whichever unit they were made in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fetalflex.augment.checking import Kept
from fetalflex.evaluation.copies.grey_vectors import correlations

_BLOCK = 512


def find_duplicates(kept: Sequence[Kept], limit: float) -> dict[int, int]:
    """Return the number of each image that is a near-copy of a kept one before it, and the number of that.

    Images are gone through by number: the first of several alike stays, so the answer depends on the images alone.

    Args:
        kept: All images of the set.
        limit: Correlation from which two are near-copies.
    """
    found: dict[int, int] = {}
    for plane in sorted({one.plane for one in kept}):
        of_plane = sorted((one for one in kept if one.plane == plane), key=lambda one: one.number)
        found |= _of_plane(of_plane, limit)
    return found


def _of_plane(kept: Sequence[Kept], limit: float) -> dict[int, int]:
    vectors = np.stack([one.vector for one in kept])
    found: dict[int, int] = {}
    for start in range(0, len(kept), _BLOCK):
        rows = vectors[start : start + _BLOCK]
        alike = correlations(rows, vectors[: start + len(rows)]) >= limit
        for row, position in enumerate(range(start, start + len(rows))):
            earlier = (kept[int(other)].number for other in np.flatnonzero(alike[row, :position]))
            first = next((number for number in earlier if number not in found), None)
            if first is not None:
                found[kept[position].number] = first
    return found
