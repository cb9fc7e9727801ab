from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fetalflex.evaluation.copies.grey_vectors import correlations, grey_vector, mirrored_grey_vector, most_alike

WINDOW = np.zeros((64, 64), bool)
WINDOW[8:40, 16:48] = True


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8)


def test_the_product_is_the_correlation_of_the_regions() -> None:
    everywhere = np.ones((64, 64), bool)
    first, second = noise(0), (0.5 * noise(0) + 0.5 * noise(1)).astype(np.uint8)
    vectors = np.stack([grey_vector(image, everywhere) for image in (first, second)])
    expected = np.corrcoef(first.ravel(), second.ravel())
    assert correlations(vectors, vectors) == pytest.approx(expected, abs=1e-4)


def test_what_lies_outside_the_region_does_not_matter() -> None:
    image, other = noise(0), np.where(WINDOW, noise(0), noise(1)).astype(np.uint8)
    assert np.array_equal(grey_vector(image, WINDOW), grey_vector(other, WINDOW))


def test_regions_of_one_shape_are_not_alike_for_their_shape() -> None:
    rows, columns = np.mgrid[:64, :64]
    round_window = np.hypot((rows - 30) / 20, (columns - 33) / 28) < 1
    first, second = (grey_vector(noise(seed) // 4 + 150, round_window) for seed in (0, 1))
    assert abs(most_alike(first, [second])[0]) < 0.1
    assert np.linalg.norm(first) == pytest.approx(1, abs=1e-5)


def test_brightness_contrast_and_place_do_not_matter() -> None:
    image = noise(0)
    moved = np.roll(image // 2 + 30, (5, 9), (0, 1))
    alike, place = most_alike(grey_vector(moved, np.roll(WINDOW, (5, 9), (0, 1))), [grey_vector(image, WINDOW)])
    assert alike > 0.99
    assert place == 0


@pytest.mark.parametrize("width", [32, 31, 17])
def test_the_mirrored_vector_is_that_of_the_mirrored_image(width: int) -> None:
    window, mirrored_window = np.zeros((2, 64, 64), bool)
    window[8:40, 16 : 16 + width] = True
    mirrored_window[8:40, 48 - width : 48] = True
    mirrored = np.ascontiguousarray(noise(0)[:, ::-1])
    assert np.array_equal(mirrored_grey_vector(mirrored, mirrored_window), grey_vector(noise(0), window))
    assert most_alike(mirrored_grey_vector(noise(0), window), [grey_vector(mirrored, mirrored_window)])[0] == 1


def test_a_region_without_contrast_is_like_nothing() -> None:
    flat = grey_vector(np.full((64, 64), 90, np.uint8), np.ones((64, 64), bool))
    assert most_alike(flat, [flat, grey_vector(noise(0), WINDOW)]) == (0.0, 0)
    assert most_alike(flat, []) == (-1.0, -1)
