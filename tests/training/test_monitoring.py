from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.training.monitoring import (
    adherence_concern,
    levels_of,
    nearest_distances,
    shrunken,
    shuffled_within_planes,
)


def test_levels_are_quarters_of_the_schedule() -> None:
    assert levels_of(torch.tensor([0, 249, 250, 499, 500, 999]), 1000).tolist() == [0, 0, 1, 1, 2, 3]


@given(st.lists(st.sampled_from(["head", "face", "abdomen"]), max_size=20))
def test_shuffling_stays_in_the_plane_and_moves_all_that_are_not_alone(planes: list[str]) -> None:
    order = shuffled_within_planes(planes)
    assert sorted(order.tolist()) == list(range(len(planes)))
    for own, other in enumerate(order):
        assert planes[own] == planes[other]
        assert (own != other) == (planes.count(planes[own]) > 1)


def test_a_shrunken_layout_lies_inside_the_original_about_the_same_centre() -> None:
    layout = Layout(
        "abdominal_transverse", 100, 80,
        (PlacedStructure("abdomen", Box(40, 30, 40, 20)), PlacedStructure("stomach", Box(30, 30, 8, 6))),
    )  # fmt: skip
    small = shrunken(layout, 0.5)
    assert (small.width, small.height) == (100, 80)
    abdomen, stomach = (small.find(name)[0].box for name in ("abdomen", "stomach"))
    assert (abdomen.cx, abdomen.cy, abdomen.width, abdomen.height) == pytest.approx((40, 30, 20, 10))
    assert (stomach.cx, stomach.cy, stomach.width, stomach.height) == pytest.approx((35, 30, 4, 3))
    assert shrunken(layout.with_structures(())).structures == ()


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_the_nearest_distance_is_that_of_a_plain_loop(chunk: int) -> None:
    generator = torch.Generator().manual_seed(0)
    latents, others = torch.randn(4, 2, 6, 5, generator=generator), torch.randn(7, 2, 6, 5, generator=generator)
    mask = (torch.rand(4, 1, 6, 5, generator=generator) < 0.4).float()
    found = nearest_distances(latents, mask, others.half(), chunk)
    for b in range(4):
        inside = mask[b, 0].bool().numpy()
        expected = min(
            np.sqrt(((latents[b].numpy() - other.half().float().numpy())[:, inside] ** 2).mean()) for other in others
        )
        assert float(found[b]) == pytest.approx(float(expected), rel=1e-4)


def test_a_copy_has_no_distance_whatever_lies_outside_the_roi() -> None:
    others = torch.randn(5, 2, 4, 4)
    mask = torch.zeros(1, 1, 4, 4)
    mask[..., :2] = 1
    copy = torch.where(mask.bool(), others[3:4], torch.full_like(others[3:4], 9.0))
    assert nearest_distances(copy, mask, others).item() == pytest.approx(0, abs=1e-3)


def test_a_layout_that_is_ignored_is_told_with_the_usual_causes() -> None:
    assert adherence_concern(0.05, 0.02) is None
    told = adherence_concern(0.001, 0.02)
    assert told is not None
    assert "ignores its layout" in told
    assert "0.10%" in told
    assert "learning rate" in told
