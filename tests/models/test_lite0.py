from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from fetalflex.models.latents import pixels_from_arrays
from fetalflex.models.lite0 import IMAGE_SIZE, MAP_CHANNELS, EfficientNetLite0
from fetalflex.models.lite0_weights import load_lite0


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return load_lite0()


def waves(size: int = IMAGE_SIZE) -> Tensor:
    steps = torch.arange(size).float()
    return (torch.sin(steps[:, None] / 7) * torch.cos(steps[None] / 11)).expand(1, 3, size, size)


def test_it_has_the_published_number_of_parameters() -> None:
    assert sum(one.numel() for one in EfficientNetLite0().parameters()) == 4_652_008


def test_it_computes_what_the_reference_computes(network: EfficientNetLite0) -> None:
    """Numbers of the package `efficientnet-lite-pytorch` 0.1.0 with the same weights and input."""
    logits = network(waves())
    assert int(logits.argmax()) == 811
    expected = torch.tensor([-0.8154320, 0.5263079, -0.0282362, -1.2079690, -1.8103282])
    torch.testing.assert_close(logits[0, :5], expected, rtol=1e-3, atol=1e-4)


def test_it_knows_what_a_photograph_shows(network: EfficientNetLite0) -> None:
    resized = Image.fromarray(data.coffee()).resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BICUBIC)
    shares = network(pixels_from_arrays([np.asarray(resized)])).softmax(dim=1)[0]
    espresso = 967
    assert float(shares[espresso]) > 0.8


def test_maps_halve_from_stage_to_stage(network: EfficientNetLite0) -> None:
    for size in (64, 100):
        maps = network.maps(waves(size))
        assert tuple(one.shape[1] for one in maps) == MAP_CHANNELS
        sides = [one.shape[2] for one in maps]
        assert sides == [-(-size // 2**stage) for stage in range(1, 6)]


def test_features_are_what_the_classifier_sees(network: EfficientNetLite0) -> None:
    features = network.features(network.maps(waves())[-1])
    assert features.shape == (1, 1280)
    assert 0 <= float(features.min()) < float(features.max()) <= 6
    torch.testing.assert_close(network.classifier(features), network(waves()))


def test_gradients_reach_the_pixels_and_not_the_weights(network: EfficientNetLite0) -> None:
    pixels = waves(64).clone().requires_grad_()
    network.maps(pixels)[2].square().mean().backward()
    assert pixels.grad is not None
    assert bool(pixels.grad.abs().sum() > 0)
    assert all(one.grad is None for one in network.parameters())
