from __future__ import annotations

import numpy as np

from fetalflex.evaluation.extractors import AutoencoderFeatures
from fetalflex.evaluation.roi_vectors import joined, roi_vectors
from fetalflex.models.components import Components


def rois(count: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 64, 64), dtype=np.uint8))


def test_batches_make_no_difference(shared_model: Components) -> None:
    extractor = AutoencoderFeatures(shared_model)
    one, three = (roi_vectors(rois(5), extractor, True, size) for size in (1, 3))
    np.testing.assert_allclose(one.pooled, three.pooled, atol=1e-5)
    for first, second in zip((*one.features, *one.grey), (*three.features, *three.grey), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)
    assert len(one) == 5


def test_the_mirrored_view_is_that_of_the_mirrored_region(shared_model: Components) -> None:
    extractor = AutoencoderFeatures(shared_model)
    vectors = roi_vectors(rois(2), extractor, True, 2)
    mirrored = roi_vectors([roi[:, ::-1].copy() for roi in rois(2)], extractor, False, 2)
    np.testing.assert_allclose(vectors.features[1], mirrored.features[0], atol=1e-6)
    np.testing.assert_allclose(vectors.grey[1], mirrored.grey[0], atol=1e-6)
    assert len(mirrored.features) == 1


def test_sets_join_view_by_view(shared_model: Components) -> None:
    extractor = AutoencoderFeatures(shared_model)
    parts = [roi_vectors(rois(2, seed), extractor, True, 2) for seed in (0, 1)]
    together = joined(parts)
    assert len(together) == 4
    np.testing.assert_array_equal(together.grey[1][2:], parts[1].grey[1])
