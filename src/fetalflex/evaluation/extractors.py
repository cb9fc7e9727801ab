"""Networks that turn images into features, each with a name that says which weights it has."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from fetalflex.models.components import Components, weights_digest


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

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return feature maps, each (B, C_i, h_i, w_i), shallowest first.

        Args:
            pixels: Images (B, 3, S, S) float32 in [-1, 1].
        """


class AutoencoderFeatures:
    """Use the encoder of a model's own autoencoder.

    It was trained on ultrasound, and no foreign weights have to be shipped. The maps are the outputs of its resolution
    levels and of its middle block. The price is that two models with different autoencoders get different rulers: to
    compare them, give both evaluations the same extractor. And it sees structure and strong blur well, fine speckle
    hardly: what an autoencoder need not keep, its features need not show.

    Args:
        components: The model.
    """

    def __init__(self, components: Components) -> None:
        self._encoder = components.vae.encoder
        self._device = next(components.vae.parameters()).device
        self._name = f"{components.config.name}-autoencoder-{weights_digest(components.vae)}"
        self._size = components.config.image_size

    @property
    def name(self) -> str:
        """Model name and digest of the autoencoder's weights."""
        return self._name

    @property
    def size(self) -> int:
        """Side of the model's canvas in pixels."""
        return self._size

    @torch.no_grad()
    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return the outputs of all levels and of the middle block; see `FeatureExtractor`."""
        x = self._encoder.conv_in(pixels.to(self._device))
        maps = []
        for block in (*self._encoder.down_blocks, self._encoder.mid_block):
            x = block(x)
            maps.append(x)
        return maps
