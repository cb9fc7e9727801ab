from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from fetalflex.evaluation.copies.roi_vectors import joined, roi_vectors
from fetalflex.evaluation.metrics.extractors import Lite0Features


def rois(count: int, seed: int = 0) -> list[tuple[np.ndarray, np.ndarray]]:
    whole = np.ones((64, 64), bool)
    return [(image, whole) for image in np.random.default_rng(seed).integers(0, 256, (count, 64, 64), dtype=np.uint8)]


def test_batches_make_no_difference(eye: Lite0Features) -> None:
    single, double = (roi_vectors(rois(3), eye, True, size) for size in (1, 2))
    np.testing.assert_allclose(single.pooled, double.pooled, atol=1e-4)
    for first, second in zip((*single.features, *single.grey), (*double.features, *double.grey), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)
    assert len(single) == 3


def test_the_mirrored_view_is_that_of_the_mirrored_region(eye: Lite0Features) -> None:
    vectors = roi_vectors(rois(2), eye, True, 2)
    mirrored = roi_vectors([(image[:, ::-1].copy(), mask) for image, mask in rois(2)], eye, False, 2)
    np.testing.assert_allclose(vectors.features[1], mirrored.features[0], atol=1e-4)
    np.testing.assert_allclose(vectors.grey[1], mirrored.grey[0], atol=1e-4)
    assert len(mirrored.features) == 1


def test_sets_join_view_by_view(eye: Lite0Features) -> None:
    parts = [roi_vectors(rois(2, seed), eye, True, 2) for seed in (0, 1)]
    together = joined(parts)
    assert len(together) == 4
    np.testing.assert_array_equal(together.grey[1][2:], parts[1].grey[1])


def test_the_distance_of_grey_vectors_is_that_of_the_correlation_inside_the_region(eye: Lite0Features) -> None:
    """The black round an ellipse counts nowhere, nor do gain and offset."""
    images = [image for image, _ in rois(4)]
    images.append((0.5 * images[0] + 20).astype(np.uint8))
    rows, columns = np.mgrid[:64, :64]
    ellipse = ((columns - 32) / 31) ** 2 + ((rows - 32) / 31) ** 2 < 1
    grey = roi_vectors([(image, ellipse) for image in images], eye, False, 5).grey[0]
    expected = np.sqrt(1 - np.corrcoef([image[ellipse].astype(float) for image in images]).clip(-1, 1))
    np.testing.assert_allclose(cdist(grey, grey), expected, atol=0.05)
    assert cdist(grey, grey)[0, 4] < 0.05


def test_a_region_without_contrast_is_no_copy_of_anything(eye: Lite0Features) -> None:
    [(image, whole)] = rois(1)
    flat = np.full_like(image, 9)
    grey = roi_vectors([(flat, whole), (image, whole)], eye, False, 2).grey[0]
    assert not grey[0].any()
    assert np.linalg.norm(grey[0] - grey[1]) > 0.5
