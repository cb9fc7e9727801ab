from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fetalflex.models.components import Components
from fetalflex.models.latents import decode, decode_at_once, encode, grey_from_pixels, pixels_from_arrays


@given(arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))))
def test_grey_images_survive_the_way_to_pixels_and_back(images: np.ndarray) -> None:
    pixels = pixels_from_arrays(list(images))
    assert pixels.dtype == torch.float32
    assert pixels.shape == (len(images), 3, *images.shape[1:])
    assert pixels.min() >= -1
    assert pixels.max() <= 1
    assert np.array_equal(grey_from_pixels(pixels), images)


def test_black_and_white_are_the_ends_of_the_range() -> None:
    pixels = pixels_from_arrays([np.array([[0, 255]], np.uint8)])
    assert pixels.flatten(2)[0].tolist() == [[-1.0, 1.0]] * 3


def test_colours_keep_their_channels() -> None:
    colour = np.zeros((2, 4, 3), np.uint8)
    colour[..., 0] = 255
    pixels = pixels_from_arrays([colour])
    assert pixels.shape == (1, 3, 2, 4)
    assert pixels[0].mean((1, 2)).tolist() == [1, -1, -1]


def test_values_outside_the_range_are_clipped() -> None:
    pixels = torch.tensor([-7.0, -1.0, 0.0, 1.0, 7.0]).expand(1, 3, 1, 5)
    assert grey_from_pixels(pixels).tolist() == [[[0, 0, 128, 255, 255]]]


@torch.no_grad()
def test_latents_are_the_mean_and_do_not_vary(random_model: Components) -> None:
    pixels = torch.rand(2, 3, 64, 64) * 2 - 1
    latents = encode(random_model.vae, pixels)
    assert latents.shape == (2, 4, 16, 16)
    assert torch.equal(latents, encode(random_model.vae, pixels))
    assert decode(random_model.vae, latents).shape == (2, 3, 64, 64)


@torch.no_grad()
def test_many_images_are_computed_part_by_part(random_model: Components, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    for half in (random_model.vae.encoder, random_model.vae.decoder):
        half.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    pixels = torch.rand(5, 3, 64, 64) * 2 - 1
    latents = encode(random_model.vae, pixels)
    images = decode(random_model.vae, latents)
    assert sizes == [5, 5]
    sizes.clear()
    monkeypatch.setattr("fetalflex.models.parts.LARGEST_FEATURE_MAP", 2 * 16 * 64 * 64)
    torch.testing.assert_close(encode(random_model.vae, pixels), latents, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(decode(random_model.vae, latents), images, rtol=1e-4, atol=1e-5)
    assert sizes == [4, 1, 2, 2, 1], "the encoder's largest feature map has 8 channels, the decoder's 16"
    sizes.clear()
    torch.testing.assert_close(decode_at_once(random_model.vae, latents), images)
    assert sizes == [5]


@torch.no_grad()
def test_the_scaling_factor_scales_latents_and_not_images(random_model: Components) -> None:
    pixels = torch.rand(1, 3, 64, 64) * 2 - 1
    plain = encode(random_model.vae, pixels)
    image = decode(random_model.vae, plain)
    random_model.vae.register_to_config(scaling_factor=0.18215)
    scaled = encode(random_model.vae, pixels)
    torch.testing.assert_close(scaled, plain * 0.18215)
    torch.testing.assert_close(decode(random_model.vae, scaled), image, rtol=1e-4, atol=1e-5)
