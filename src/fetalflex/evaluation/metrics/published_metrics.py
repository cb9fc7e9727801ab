"""Numbers that papers report, measured where the user has the networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.canvas_images import roi_window
from fetalflex.evaluation.intervals import DRAWS, Sampled, sampled_mean
from fetalflex.evaluation.metrics.frechet import frechet_distance
from fetalflex.evaluation.metrics.published import SMALLEST_FOR_LPIPS, InceptionVectors, LpipsDistance
from fetalflex.evaluation.metrics.region_rulers import RegionSet

_Network = TypeVar("_Network", InceptionVectors, LpipsDistance)


@dataclass(frozen=True)
class Published:
    """The networks that were found.

    Args:
        inception: For FID; None if it is not there.
        lpips: None if it is not there.
        missing: Sentences that say what is not measured, and why.
    """

    inception: InceptionVectors | None
    lpips: LpipsDistance | None
    missing: tuple[str, ...]

    @classmethod
    def find(cls, device: torch.device | str = "cpu") -> Published:
        """Load what is on disk; nothing is downloaded."""
        missing: list[str] = []
        inception = _loaded(InceptionVectors, device, missing)
        lpips = _loaded(LpipsDistance, device, missing)
        return cls(inception, lpips, tuple(missing))

    def metrics(self, regions: RegionSet) -> dict[str, Sampled]:
        """Return `fid_inception_roi` and `lpips_roi`, of the upright rectangles round regions, as far as possible.

        Regions that are too small for LPIPS count in FID alone.
        """
        if self.inception is None and self.lpips is None:
            return {}
        cut = [(real[roi_window(region)], synthetic[roi_window(region)]) for real, synthetic, region in regions.read()]
        metrics = {}
        if self.inception is not None and len(cut) >= 2:
            sides = [self.inception.vectors(side) for side in zip(*cut, strict=True)]
            metrics["fid_inception_roi"] = Sampled(frechet_distance(*sides), np.full(DRAWS, np.nan), len(cut))
        if self.lpips is not None:
            able = [i for i, (real, _) in enumerate(cut) if min(real.shape) >= SMALLEST_FOR_LPIPS]
            if able:
                distances = np.array([self.lpips(*cut[i]) for i in able])
                metrics["lpips_roi"] = sampled_mean(distances, regions.draws[:, able])
        return metrics


def _loaded(kind: type[_Network], device: torch.device | str, missing: list[str]) -> _Network | None:
    try:
        return kind(device)
    except FetalFlexError as error:
        missing.append(f"Not measured: {error}.")
        return None
