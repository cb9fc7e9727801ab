from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from fetalflex.models.components import Components
from fetalflex.models.configs import get_preset
from fetalflex.models.parts import (
    LARGEST_FEATURE_MAP,
    decoder_values,
    denoiser_values,
    encoder_values,
    part_size,
    parts_of,
)


@given(st.integers(0, 300), st.integers(1, 2 * LARGEST_FEATURE_MAP))
def test_parts_follow_one_another_and_are_as_large_as_allowed(count: int, values: int) -> None:
    parts = parts_of(count, values)
    assert [number for part in parts for number in range(count)[part]] == list(range(count))
    sizes = [len(range(count)[part]) for part in parts]
    assert all(size == part_size(values) for size in sizes[:-1])
    assert sizes[-1] <= part_size(values)


def test_one_image_is_computed_however_large() -> None:
    assert part_size(LARGEST_FEATURE_MAP + 1) == part_size(10 * LARGEST_FEATURE_MAP) == 1
    assert part_size(LARGEST_FEATURE_MAP // 2) == 2


@pytest.mark.parametrize(("preset", "denoised", "encoded", "decoded"), [("mini", 85, 16, 8), ("sd15", 4, 1, 1)])
def test_the_presets_compute_so_many_images_at_a_time(preset: str, denoised: int, encoded: int, decoded: int) -> None:
    config = get_preset(preset)
    channels, pixels = config.autoencoder.channels, config.image_size**2
    assert part_size(denoiser_values(config)) == denoised
    assert part_size(encoder_values(channels, pixels)) == encoded
    assert part_size(decoder_values(channels, pixels)) == decoded


@torch.no_grad()
def test_the_largest_feature_map_is_the_largest(random_model: Components) -> None:
    """Of the pictures that layers return; what attention blocks keep inside is none."""
    largest = 0

    def look(_: nn.Module, __: object, returned: object) -> None:
        nonlocal largest
        if isinstance(returned, Tensor) and returned.ndim == 4:
            largest = max(largest, returned.numel())

    def largest_in(network: nn.Module, *inputs: Tensor) -> int:
        nonlocal largest
        largest = 0
        hooks = [layer.register_forward_hook(look) for layer in network.modules()]
        network(*inputs)
        for hook in hooks:
            hook.remove()
        return largest

    config = random_model.config
    channels, pixels = config.autoencoder.channels, config.image_size**2
    image, latent = torch.zeros(1, 3, 64, 64), torch.zeros(1, 4, 16, 16)
    text = torch.zeros(1, config.text.max_tokens, config.text.hidden_size)
    assert largest_in(random_model.unet, latent, torch.tensor(1), text) == denoiser_values(config)
    assert largest_in(random_model.vae.encoder, image) == encoder_values(channels, pixels)
    assert largest_in(random_model.vae.decoder, latent) == decoder_values(channels, pixels)
