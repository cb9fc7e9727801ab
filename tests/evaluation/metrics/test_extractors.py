from __future__ import annotations

import numpy as np
import torch

from fetalflex.evaluation.metrics.extractors import Lite0Features
from fetalflex.models.latents import pixels_from_arrays
from fetalflex.models.lite0_weights import load_lite0


def test_vectors_are_what_the_classifier_sees(eye: Lite0Features) -> None:
    grey = np.random.default_rng(0).integers(0, 256, (eye.size, eye.size), dtype=np.uint8)
    pixels = pixels_from_arrays([grey])
    maps = eye.maps(pixels)
    assert [one.shape[2] for one in maps] == [112, 56, 28, 14, 7]
    vectors = eye.vectors(maps)
    assert vectors.shape == (1, 1280)
    network = load_lite0()
    torch.testing.assert_close(network.classifier(vectors), network(pixels))


def test_the_name_says_which_network_with_which_weights(eye: Lite0Features) -> None:
    assert eye.name == "EfficientNet-Lite0 (ImageNet, 57934424)"
