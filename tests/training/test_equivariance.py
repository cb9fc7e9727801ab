from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from fetalflex.training.equivariance import Move, high_frequency_share


def smooth_image(side: int) -> torch.Tensor:
    noise = np.random.default_rng(0).normal(size=(side, side))
    return torch.from_numpy(ndimage.gaussian_filter(noise, side / 12)).float()[None, None]


def test_shrinking_alone_is_the_mean_of_blocks() -> None:
    image = torch.arange(16.0).reshape(1, 1, 4, 4)
    moved = Move(2, 0.0, False).apply(image)
    torch.testing.assert_close(moved[0, 0], torch.tensor([[2.5, 4.5], [10.5, 12.5]]))


def test_a_flip_mirrors_left_and_right() -> None:
    image = torch.rand(2, 3, 8, 8)
    straight, flipped = (Move(2, 0.0, flip).apply(image) for flip in (False, True))
    torch.testing.assert_close(flipped, straight.flip(3))


@pytest.mark.parametrize("flip", [False, True])
def test_latents_and_images_turn_by_the_same_angle_about_the_same_centre(flip: bool) -> None:
    # An image and its blocks' means, as a perfectly smooth encoder would make them, stay together in every move.
    image = smooth_image(512)
    latents = torch.nn.functional.avg_pool2d(image, 8)
    move = Move(2, 10.0, flip)
    of_moved = torch.nn.functional.avg_pool2d(move.apply(image), 8)
    inner = (slice(None), slice(None), slice(2, -2), slice(2, -2))
    error = (move.apply(latents) - of_moved)[inner].std() / of_moved[inner].std()
    unmoved = (Move(2, -10.0, flip).apply(latents) - of_moved)[inner].std() / of_moved[inner].std()
    assert error < 0.15
    assert unmoved > 2 * error


def test_draws_cover_factors_flips_and_angles() -> None:
    generator = torch.Generator().manual_seed(0)
    moves = [Move.draw(32, generator) for _ in range(60)]
    assert {move.factor for move in moves} == {2, 4}
    assert {move.flip for move in moves} == {False, True}
    assert max(abs(move.turn) for move in moves) <= 10 < 2 * max(abs(move.turn) for move in moves)
    assert {Move.draw(8, generator).factor for _ in range(20)} == {2}


def test_white_noise_has_a_share_of_one_and_smooth_latents_nearly_none() -> None:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(64, 8, 32, 32, generator=generator)
    assert high_frequency_share(noise) == pytest.approx(1, abs=0.2)
    blurred = torch.from_numpy(ndimage.gaussian_filter(noise.numpy(), (0, 0, 2, 2), mode="wrap"))
    # A Gaussian of 2 px takes exp(-(2π · 2 · 8/32)²) of the power at 8 cycles.
    assert high_frequency_share(blurred) == pytest.approx(math.exp(-((2 * math.pi * 2 * 8 / 32) ** 2)), abs=1e-3)
    assert math.isnan(high_frequency_share(noise[..., :16]))
