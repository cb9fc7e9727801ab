from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.diffusion.masks import mask_to_latents, share_of_latents


@given(
    st.sampled_from([(64, 16), (64, 8), (32, 32)]),
    st.lists(st.tuples(st.integers(0, 63), st.integers(0, 63)), max_size=6),
)
def test_a_latent_is_in_the_roi_exactly_if_one_of_its_pixels_is(
    sizes: tuple[int, int], pixels: list[tuple[int, int]]
) -> None:
    image, latent = sizes
    mask = torch.zeros(1, 1, image, image, dtype=torch.bool)
    expected = torch.zeros(1, 1, latent, latent)
    for row, column in ((row % image, column % image) for row, column in pixels):
        mask[0, 0, row, column] = True
        expected[0, 0, row * latent // image, column * latent // image] = 1
    found = mask_to_latents(mask, latent)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


@pytest.mark.parametrize("fill", [False, True])
def test_empty_and_full_masks_stay_so(fill: bool) -> None:
    assert (mask_to_latents(torch.full((2, 1, 64, 64), fill), 8) == fill).all()


def test_a_latent_is_marked_by_the_share_of_its_pixels() -> None:
    mask = torch.zeros((1, 1, 8, 8), dtype=torch.bool)
    mask[0, 0, :4, :4] = True
    mask[0, 0, 0, 4:] = True
    assert share_of_latents(mask, 2)[0, 0].tolist() == [[1.0, 0.25], [0.0, 0.0]]
