from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.copies.memorisation import audit, nearest_distances


def vectors(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 8))


@given(st.integers(0, 1000))
def test_nearest_distances_equal_scipys(seed: int) -> None:
    queries, references = vectors(seed, 7), vectors(seed + 1, 9)
    distances, nearest = nearest_distances(queries, references)
    every = cdist(queries, references)
    np.testing.assert_allclose(distances, every.min(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(nearest, every.argmin(axis=1))


def test_a_copy_is_near_and_new_images_are_far() -> None:
    training, held_out = vectors(0, 200), vectors(1, 200)
    synthetic = np.concatenate([training[17:18] + 1e-3, vectors(2, 99)])
    found = audit([synthetic], [held_out], training)
    assert found.nearest[0] == 17
    assert not found.is_far[0]
    assert found.threshold == np.percentile(found.held_out_distances, 1)
    assert found.share_far.value == found.is_far.mean() >= 0.95
    assert (found.held_out_distances > found.threshold).mean() == pytest.approx(0.99, abs=0.006)


def test_a_mirrored_copy_is_found_in_its_mirrored_view() -> None:
    training, held_out = vectors(0, 50), [vectors(1, 50), vectors(2, 50)]
    found = audit([vectors(3, 4), np.concatenate([vectors(4, 3), training[8:9]])], held_out, training)
    assert found.distances[3] == 0
    assert found.nearest[3] == 8


def test_empty_sets_are_refused() -> None:
    with pytest.raises(FetalFlexError, match="one set is empty"):
        audit([vectors(0, 3)], [vectors(1, 3)], vectors(2, 0))
