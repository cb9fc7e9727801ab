from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.evaluation.metrics.extractors import Lite0Features
from fetalflex.evaluation.metrics.perceived import perceive

SHAPE = 300, 420


@pytest.fixture
def real() -> NDArray[np.uint8]:
    speckle = np.random.default_rng(0).rayleigh(60, SHAPE)
    return np.clip(speckle, 0, 255).astype(np.uint8)


@pytest.fixture
def region() -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    return np.asarray(((rows - 150) / 90) ** 2 + ((columns - 230) / 60) ** 2 < 1)


def test_an_image_is_at_distance_0_from_itself(eye: Lite0Features, real: np.ndarray, region: np.ndarray) -> None:
    found = perceive(real, real, region, eye)
    assert (found.distance, found.roi_distance) == (0, 0)
    assert found.real.shape == (1280,)
    assert np.array_equal(found.real, found.synthetic)


def test_blur_is_seen_and_most_of_all_in_the_region(eye: Lite0Features, real: np.ndarray, region: np.ndarray) -> None:
    """Which the eye of a model, trained to encode images, may not see."""
    distances = []
    for sigma in (1.0, 3.0):
        smooth = np.where(region, ndimage.gaussian_filter(real, sigma), real)
        found = perceive(real, smooth, region, eye)
        assert found.roi_distance > 3 * found.distance > 0
        distances.append(found.roi_distance)
    assert distances[0] < distances[1]


def test_what_differs_outside_the_region_counts_little_in_it(
    eye: Lite0Features, real: np.ndarray, region: np.ndarray
) -> None:
    far = ndimage.distance_transform_edt(~region) > 30
    other = np.where(far, 255 - real, real)
    found = perceive(real, other.astype(np.uint8), region, eye)
    assert found.roi_distance < found.distance / 5
