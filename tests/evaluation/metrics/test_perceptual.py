from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics.perceptual import perceptual_distance


def maps(seed: int, count: int = 2) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(count, *shape, generator=generator) for shape in ((3, 8, 8), (5, 4, 4))]


def test_it_is_the_mean_squared_distance_of_unit_vectors() -> None:
    x, y = maps(0, 1), maps(1, 1)
    per_map = []
    for a, b in zip(x, y, strict=True):
        distances = []
        for row in range(a.shape[2]):
            for column in range(a.shape[3]):
                u, v = a[0, :, row, column].numpy(), b[0, :, row, column].numpy()
                distances.append(2 - 2 * float(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
        per_map.append(np.mean(distances))
    assert perceptual_distance(x, y).item() == pytest.approx(np.mean(per_map), rel=1e-5)


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_it_is_symmetric_and_between_0_and_4(seed: int) -> None:
    x, y = maps(seed), maps(seed + 1)
    distance = perceptual_distance(x, y)
    torch.testing.assert_close(distance, perceptual_distance(y, x))
    assert bool(((distance > 0) & (distance <= 4)).all())


def test_equal_features_have_distance_0_and_opposite_ones_4() -> None:
    x = maps(0)
    assert perceptual_distance(x, x).tolist() == [0, 0]
    torch.testing.assert_close(perceptual_distance(x, [-one for one in x]), torch.full((2,), 4.0))


def test_the_strength_of_features_does_not_matter() -> None:
    x = maps(0)
    torch.testing.assert_close(perceptual_distance(x, [3 * one for one in x]), torch.zeros(2), atol=1e-6, rtol=0)


def test_under_a_mask_only_its_positions_count() -> None:
    x, y = maps(0), maps(1)
    for a, b in zip(x, y, strict=True):
        half = a.shape[-1] // 2
        b[..., :half] = a[..., :half]
    mask = torch.zeros(2, 1, 16, 16, dtype=torch.bool)
    mask[..., :8] = True
    assert perceptual_distance(x, y, mask).tolist() == [0, 0]
    torch.testing.assert_close(perceptual_distance(x, y, ~mask), 2 * perceptual_distance(x, y))


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(FetalFlexError, match="mask of image 0 marks no pixel"):
        perceptual_distance(maps(0), maps(1), torch.zeros(2, 1, 16, 16, dtype=torch.bool))
