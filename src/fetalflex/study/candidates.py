"""Images that may go into a study: where each lies, which method made it, of which plane, and of which case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.provenance import SyntheticMark

ANY_PLANE = "any"
"""The plane of all images where none is known."""


@dataclass(frozen=True)
class Candidate:
    """Describe an image that may go into a study.

    Args:
        origin: Where it came from, for messages and for the key.
        method: What made it, such as "real" or the name of a model.
        plane: Canonical name, or `ANY_PLANE`.
        case: What images by several methods share if they show the same, such as the source image of syntheses.
        mark: What says that it is synthetic; None if it is real.
        size: Width and height in pixels.
        load: Reads it, `(H, W) uint8` grey.
    """

    origin: str
    method: str
    plane: str
    case: str
    mark: SyntheticMark | None
    size: tuple[int, int]
    load: Callable[[], NDArray[np.uint8]]

    @property
    def group(self) -> tuple[str, str]:
        """Plane and method."""
        return self.plane, self.method
