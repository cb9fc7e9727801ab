"""Near-copies: which real region an image resembles most, and which images of a set are near-copies of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Registry, draw_roi_mask
from fetalflex.data import Dataset, Record
from fetalflex.evaluation.copies.grey_vectors import Vector, correlations, grey_vector, most_alike

_BLOCK = 512


@dataclass(frozen=True)
class Kept:
    """What later images of a set are compared with: the image's number, its plane and the vector of its region."""

    number: int
    plane: str
    vector: Vector


class RealRegions:
    """Finds the real region that a synthetic one resembles most.

    Compared are the annotated real images of the same plane, in the split train, on which models are trained, and in
    the splits that sources come from. They are read when a plane is first asked for.

    Args:
        dataset: Where the images are.
        splits: Splits that sources come from.
        registry: Planes and structures.
    """

    def __init__(self, dataset: Dataset, splits: Collection[str], registry: Registry) -> None:
        self._dataset = dataset
        self._splits = {"train", *splits}
        self._registry = registry
        self._known: dict[str, tuple[list[Record], NDArray[np.float32]]] = {}

    def most_alike(self, views: Sequence[Vector], plane: str) -> tuple[float, str]:
        """Return the largest correlation of a region with a real one, and the name of that; -1 and "" without any.

        Args:
            views: Vectors of the region, as it is and mirrored.
            plane: Canonical name.
        """
        records, vectors = self._of(plane)
        found = max(most_alike(view, vectors) for view in views)
        return found[0], records[found[1]].file_name if records else ""

    def _of(self, plane: str) -> tuple[list[Record], NDArray[np.float32]]:
        if plane not in self._known:
            records = [record for record in self._dataset if self._is_compared(record, plane)]
            vectors = [
                grey_vector(self._dataset.image(record), draw_roi_mask(record.layout, self._registry))
                for record in records
            ]
            self._known[plane] = records, np.array(vectors)
        return self._known[plane]

    def _is_compared(self, record: Record, plane: str) -> bool:
        return (
            record.layout.plane == plane
            and bool(record.layout.structures)
            and record.split in self._splits
            and self._dataset.mark(record) is None
        )


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
        found |= _duplicates_of_plane(of_plane, limit)
    return found


def _duplicates_of_plane(kept: Sequence[Kept], limit: float) -> dict[int, int]:
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
