"""Memorisation audit: are synthetic images near-copies of training images?

Tried on real ventricular planes, with the skulls' boxes as regions, against 100 training images: of copies that were
decoded by the autoencoder, blurred after that, mirrored and brightened, or shifted by 6 of 256 pixels, at least 95 %
are found by the correlation of grey values; of copies zoomed by 5 % within their region, only 15 %. How many the
features of EfficientNet-Lite0 find has not been measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import Estimate, share_estimate

Array = NDArray[np.float64]

PERCENTILE = 1.0


@dataclass(frozen=True)
class Audit:
    """How far synthetic images are from the nearest training image.

    Args:
        distances: Of each synthetic image, (N,).
        nearest: Position of its nearest training image, (N,).
        held_out_distances: Of each held-out real image, (M,).
        threshold: 1st percentile of the latter: what is nearer counts as suspicious.
    """

    distances: Array
    nearest: NDArray[np.intp]
    held_out_distances: Array
    threshold: float

    @property
    def is_far(self) -> NDArray[np.bool_]:
        """Whether each synthetic image lies farther than the threshold, (N,) bool."""
        return np.asarray(self.distances > self.threshold)

    @property
    def share_far(self) -> Estimate:
        """Share of synthetic images that lie farther than the threshold; of real held-out ones it is 99 %."""
        return share_estimate(int(self.is_far.sum()), len(self.distances))


def audit(synthetic: list[Array], held_out: list[Array], training: Array) -> Audit:
    """Compare synthetic images with training images, by the yardstick of real images that were not trained on.

    Args:
        synthetic: Vectors of the synthetic images, (N, D), once for each view of them, such as the mirrored one; the
            view that comes nearest counts.
        held_out: Vectors of real images that were not trained on, (M, D), in the same views.
        training: Vectors of the training images, (T, D).

    Raises:
        FetalFlexError: If one of the sets is empty.
    """
    if 0 in (len(training), len(synthetic[0]), len(held_out[0])):
        raise FetalFlexError("the memorisation audit needs synthetic, held-out and training images; one set is empty")
    distances, nearest = _nearest_of_views(synthetic, training)
    held_out_distances, _ = _nearest_of_views(held_out, training)
    return Audit(distances, nearest, held_out_distances, float(np.percentile(held_out_distances, PERCENTILE)))


def nearest_distances(queries: Array, references: Array) -> tuple[Array, NDArray[np.intp]]:
    """Return the Euclidean distance of each query (N, D) to its nearest reference (M, D), and which that is."""
    queries, references = np.asarray(queries, np.float64), np.asarray(references, np.float64)
    squared = (queries**2).sum(axis=1)[:, None] + (references**2).sum(axis=1) - 2 * queries @ references.T
    nearest = squared.argmin(axis=1)
    # Differences of large numbers round; the distance itself is computed from the vectors.
    return np.linalg.norm(queries - references[nearest], axis=1), nearest


def _nearest_of_views(views: list[Array], training: Array) -> tuple[Array, NDArray[np.intp]]:
    found = [nearest_distances(view, training) for view in views]
    distances, nearest = (np.stack(part) for part in zip(*found, strict=True))
    best = distances.argmin(axis=0)[None]
    return np.take_along_axis(distances, best, 0)[0], np.take_along_axis(nearest, best, 0)[0]
