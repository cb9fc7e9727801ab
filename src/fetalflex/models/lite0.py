"""EfficientNet-Lite0, a small image classifier whose features say how alike images look.

Architecture: Tan and Le 2019, in the Lite variant that Google published in 2020: no squeeze-and-excitation, ReLU6 in
place of Swish. 4.65 M parameters; 0.4 G multiply-adds for an image of 224 px.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from torch import Tensor, nn

IMAGE_SIZE = 224
"""Side of the images that it was trained on, in pixels. It takes others; its features then mean something else."""

FEATURES = 1280
CLASSES = 1000

# As in the training of the Lite models, for all channels; in grey levels of 0 to 255.
_MEAN, _DEVIATION = 127.0, 128.0
_STEM = 32
# Kernel, stride, expansion, channels, number of blocks.
_STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
MAP_CHANNELS = (16, 24, 40, 112, 320)
"""Channels of the maps that `maps` returns: the last block's output at each of five resolutions."""
_BATCH_NORM_EPSILON = 1e-3


class EfficientNetLite0(nn.Module):
    """Classify images, or give what it sees on the way there.

    Weights are random until loaded, see `load_lite0`. To be used in evaluation mode.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, _STEM, 3, stride=2)
        blocks: list[_Block] = []
        channels, self._ends = _STEM, set()
        for kernel, stride, expansion, width, count in _STAGES:
            if stride == 2:
                self._ends.add(len(blocks) - 1)  # the last block at the resolution before
            for index in range(count):
                blocks.append(_Block(channels, width, kernel, stride if index == 0 else 1, expansion))
                channels = width
        self._ends.add(len(blocks) - 1)
        self.blocks = nn.ModuleList(blocks)
        self.head = _convolution(channels, FEATURES, 1)
        self.classifier = nn.Linear(FEATURES, CLASSES)

    def maps(self, pixels: Tensor) -> list[Tensor]:
        """Return feature maps: of the last block at strides 2, 4, 8, 16, 32, see `MAP_CHANNELS`.

        Args:
            pixels: Images (B, 3, H, W) float32 in [-1, 1]; grey ones with three equal channels.

        Returns:
            Maps (B, C_i, ⌈H/2⌉, ⌈W/2⌉) and so on, shallowest first. Gradients flow back to the pixels.
        """
        x = self.stem(((pixels + 1) * 127.5 - _MEAN) / _DEVIATION)
        maps = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self._ends:
                maps.append(x)
        return maps

    def features(self, deepest: Tensor) -> Tensor:
        """Return what the classifier sees, (B, 1280) in [0, 6], of the deepest map (B, 320, h, w)."""
        features: Tensor = self.head(deepest).mean(dim=(2, 3))
        return features

    def forward(self, pixels: Tensor) -> Tensor:
        """Return logits (B, 1000) of the classes of ImageNet; see `maps` for the argument."""
        logits: Tensor = self.classifier(self.features(self.maps(pixels)[-1]))
        return logits


class _Block(nn.Module):
    """Widen, filter each channel by itself, narrow; added to the input where the shape stays."""

    def __init__(self, channels: int, width: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = channels * expansion
        self.expand = _convolution(channels, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _convolution(inner, inner, kernel, stride, groups=inner)
        self.project = _convolution(inner, width, 1, activation=False)
        self._adds = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self._adds else y


def _convolution(
    channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1, activation: bool = True
) -> nn.Sequential:
    layers = [
        _SamePaddedConvolution(channels, width, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(width, eps=_BATCH_NORM_EPSILON),
    ]
    return nn.Sequential(*layers, *([nn.ReLU6()] if activation else []))


class _SamePaddedConvolution(nn.Conv2d):
    """Pad as TensorFlow does, in which the weights were trained: by need, the odd pixel below and to the right."""

    def forward(self, x: Tensor) -> Tensor:
        (top, bottom), (left, right) = (
            _padding(length, self.kernel_size[axis], self.stride[axis]) for axis, length in enumerate(x.shape[-2:])
        )
        return super().forward(F.pad(x, (left, right, top, bottom)))


def _padding(length: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((math.ceil(length / stride) - 1) * stride + kernel - length, 0)
    return total // 2, total - total // 2
