"""Which structures differ to the eye, and by how much: told by the grey of their boxes in real images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry, draw_roi_mask
from fetalflex.evaluation.names.pairs import NamePair, pairs_of
from fetalflex.evaluation.samples import Sample
from fetalflex.progress import OnProgress, tell_nobody

DIFFERENCE = 0.3
SAME_SIGN = 0.75
FEWEST_IMAGES = 5


@dataclass(frozen=True)
class RealContrast:
    """By how much the boxes of two structures differ in grey in real images.

    Args:
        differences: Mean grey in the first box minus that in the second, relative to the mean grey of the region to
            synthesise, one per image, (N,).
    """

    differences: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean difference, relative to the region's grey."""
        return float(self.differences.mean())

    @property
    def same_sign(self) -> float:
        """Share of the images in which the difference has the sign of the mean."""
        return float((np.sign(self.differences) == np.sign(self.mean)).mean())

    @property
    def differs(self) -> bool:
        """Whether the two differ to the eye: by 0.3 of the region's grey, alike in three quarters of 5 images or more.

        At the grey of usual scans 0.3 is about 18 of 255 levels.
        """
        enough = len(self.differences) >= FEWEST_IMAGES
        return enough and abs(self.mean) >= DIFFERENCE and self.same_sign >= SAME_SIGN


def region_of(layout: Layout, registry: Registry) -> NDArray[np.bool_]:
    """Return the whole region of a layout, (H, W) bool."""
    return draw_roi_mask(layout, registry, "auto")


def real_contrasts(
    samples: Sequence[Sample], registry: Registry, on_progress: OnProgress = tell_nobody
) -> dict[NamePair, RealContrast]:
    """Measure all pairs of structures that real images show together.

    Args:
        samples: Real images with their layouts; each is read.
        registry: Knows the planes' outlines.
        on_progress: Called with the number of images done.
    """
    found: dict[NamePair, list[float]] = defaultdict(list)
    for number, sample in enumerate(samples, 1):
        pairs = list(pairs_of(sample.layout, registry))
        if pairs:
            image = sample.image()
            level = float(image[region_of(sample.layout, registry)].mean())
            for pair, parts in pairs:
                one, other = (float(image[part].mean()) for part in parts)
                if level > 0:
                    found[pair].append((one - other) / level)
        on_progress(number)
    return {pair: RealContrast(np.array(values)) for pair, values in sorted(found.items())}
