from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from fetalflex.evaluation.intervals import patient_draws
from fetalflex.evaluation.metrics.published import InceptionVectors, LpipsDistance
from fetalflex.evaluation.metrics.published_metrics import Published
from fetalflex.evaluation.metrics.region_rulers import Region, RegionSet


def regions(count: int = 6) -> RegionSet:
    def read() -> Iterator[Region]:
        rng = np.random.default_rng(0)
        mask = np.zeros((120, 140), np.bool_)
        mask[20:100, 30:130] = True
        for _ in range(count):
            real = rng.integers(0, 256, mask.shape, dtype=np.uint8)
            yield real, np.where(mask, real // 2, real).astype(np.uint8), mask

    patients = tuple(f"patient {index}" for index in range(count))
    return RegionSet(read, patients, patient_draws(patients))


def test_what_is_missing_is_said_and_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    published = Published.find()
    assert [sentence.split(" needs ")[0] for sentence in published.missing] == [
        "Not measured: FID (Inception, torch-fidelity)",
        "Not measured: LPIPS (AlexNet, torchmetrics)",
    ]
    assert published.metrics(regions()) == {}


class Greys(InceptionVectors):
    """Stand where Inception would, which tests have not: mean and deviation of grey."""

    def __init__(self) -> None:
        self.shapes: set[tuple[int, ...]] = set()

    def vectors(self, images: Iterable[np.ndarray]) -> np.ndarray:
        images = list(images)
        self.shapes |= {image.shape for image in images}
        return np.array([[image.mean(), image.std()] for image in images])


class GreyDistance(LpipsDistance):
    def __init__(self) -> None:
        pass

    def __call__(self, real: np.ndarray, synthetic: np.ndarray) -> float:
        return float(np.abs(real.astype(float) - synthetic).mean())


def test_they_look_at_the_rectangles_round_regions() -> None:
    greys = Greys()
    found = Published(greys, GreyDistance(), ()).metrics(regions())
    assert greys.shapes == {(80, 100)}
    assert found["lpips_roi"].value == pytest.approx(63.75, abs=1)
    assert found["lpips_roi"].estimate.low is not None
    assert found["fid_inception_roi"].value > 60**2
    assert found["fid_inception_roi"].estimate.low is None
