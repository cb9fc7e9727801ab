"""Networks that turn images into features, each with a name that says which weights it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from fetalflex.models.lite0 import FEATURES, IMAGE_SIZE, EfficientNetLite0
from fetalflex.models.lite0_weights import WEIGHTS_SHA256, load_lite0


class FeatureExtractor(Protocol):
    """What perceptual distance, KID and memorisation audit need of a network.

    Numbers are comparable only between runs with the same extractor, so reports state its name.
    """

    @property
    def name(self) -> str:
        """Say which network with which weights this is; it changes whenever the features would."""

    @property
    def size(self) -> int:
        """Side of the square images that it takes, in pixels."""

    @property
    def width(self) -> int:
        """Number D of entries of its vectors."""

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return feature maps, each (B, C_i, h_i, w_i), shallowest first.

        Args:
            pixels: Images (B, 3, S, S) float32 in [-1, 1].
        """

    def vectors(self, maps: Sequence[Tensor]) -> Tensor:
        """Return one vector per image, (B, D) float32, for KID, FID and the test of two samples.

        Args:
            maps: What `maps` returned.
        """


class Lite0Features:
    """Use EfficientNet-Lite0, trained on ImageNet: an eye that no FetalFlex model has a part in.

    So it is the same ruler for all models, and it sees texture, which a model's own autoencoder drops without a trace.
    It has never seen ultrasound; what it says is about looks, not about anatomy. The maps are the last ones at strides
    2, 4, 8, 16 and 32; the vectors, of 1280 entries, are what its classifier sees. Grey images go in with three equal
    channels. They are brought to its 224 pixels at once from their own resolution, aspect kept, padded with black:
    shrunk with a Lanczos filter, enlarged with a bicubic one.

    Args:
        network: With its weights, see `load_lite0`.
        device: Where to compute.
    """

    def __init__(self, network: EfficientNetLite0, device: torch.device | str = "cpu") -> None:
        self._device = torch.device(device)
        self._network = network.to(self._device)

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> Lite0Features:
        """Return it with the weights of the installed package.

        Raises:
            FetalFlexError: If the package is not installed, or its file is not the published one.
        """
        return cls(load_lite0(), device)

    @property
    def name(self) -> str:
        """Network, training data, digest of the weights file."""
        return f"EfficientNet-Lite0 (ImageNet, {WEIGHTS_SHA256[:8]})"

    @property
    def size(self) -> int:
        """224 pixels."""
        return IMAGE_SIZE

    @property
    def width(self) -> int:
        """1280 entries."""
        return FEATURES

    @torch.no_grad()
    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return the last map at each of five strides; see `FeatureExtractor`."""
        return self._network.maps(pixels.to(self._device))

    @torch.no_grad()
    def vectors(self, maps: Sequence[Tensor]) -> Tensor:
        """Return what the classifier sees, (B, 1280); see `FeatureExtractor`."""
        return self._network.features(maps[-1])
