from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from evaluation_helpers import abdomen
from scipy import ndimage

from fetalflex.evaluation.blur_control import measure_blur, sigma_of_contrast
from fetalflex.evaluation.canvas_images import canvas_pair
from fetalflex.evaluation.intervals import patient_draws, sampled_mean
from fetalflex.evaluation.metrics.catalogue import CONTROLLED
from fetalflex.evaluation.metrics.quality import likeness
from fetalflex.evaluation.metrics.region_rulers import Region, RegionSet, ruler_metrics, values_of_regions
from fetalflex.rulers import blurred, local_contrast

PATIENTS = tuple("abcdef")


class Grey:
    """The grey levels themselves, and their slopes."""

    name = "grey-1"
    size = 96

    def maps(self, pixels: torch.Tensor) -> list[torch.Tensor]:
        grey = pixels[:, :1]
        return [torch.cat([grey + 2, grey - grey.roll(1, 3)], dim=1)]

    def vectors(self, maps: Sequence[torch.Tensor]) -> torch.Tensor:
        return maps[0].mean(dim=(2, 3))


@pytest.fixture
def regions() -> RegionSet:
    """Real abdomens and others of the same shape with speckle of their own: as near as a model can come."""
    mask = np.zeros((160, 160), np.bool_)
    mask[25:135, 20:140] = True
    found: list[Region] = [
        (abdomen(seed=seed), np.where(mask, abdomen(seed=seed + 100), abdomen(seed=seed)), mask) for seed in range(6)
    ]
    return RegionSet(lambda: found, PATIENTS, patient_draws(PATIENTS))


def test_a_blur_gains_likeness_and_loses_texture(regions: RegionSet) -> None:
    """Why no PSNR stands alone."""
    as_it_is = ruler_metrics(values_of_regions(regions.read()), regions)
    near = [likeness(canvas_pair(*region, 176)) for region in regions.read()]
    plain = sampled_mean(np.array([one["psnr_roi"] for one in near]), regions.draws)
    told = []
    side = measure_blur("blurred by 2 px", {"plane": regions}, 2.0, 176, Grey(), lambda: told.append(1))
    smooth = side.planes["plane"]
    assert len(told) == 6
    assert set(CONTROLLED) < set(smooth)
    assert smooth["psnr_roi"].value > plain.value + 1
    assert smooth["psnr_roi"].estimate.low > plain.estimate.high
    assert smooth["texture"].value < as_it_is["texture"].value - 10
    assert side.means()["psnr_roi"] == smooth["psnr_roi"].estimate


def test_a_stronger_blur_is_another(regions: RegionSet) -> None:
    weak, strong = (
        measure_blur("", {"plane": regions}, sigma, 176, Grey(), lambda: None).planes["plane"] for sigma in (1.0, 3.0)
    )
    assert strong["texture"].value < weak["texture"].value
    assert strong["contrast"].value < weak["contrast"].value


def test_the_blur_of_equal_strength_gives_equal_contrast(regions: RegionSet) -> None:
    smooth = [ndimage.median_filter(synthetic, 3) for _, synthetic, _ in regions.read()]
    masks = [region for *_, region in regions.read()]
    contrast = float(np.mean([local_contrast(*pair) for pair in zip(smooth, masks, strict=True)]))
    sigma = sigma_of_contrast({"plane": regions}, contrast)
    assert sigma is not None
    found = [local_contrast(blurred(synthetic, region, sigma), region) for _, synthetic, region in regions.read()]
    assert np.mean(found) == pytest.approx(contrast, rel=0.01)
    assert sigma_of_contrast({"plane": regions}, 100.0) is None
