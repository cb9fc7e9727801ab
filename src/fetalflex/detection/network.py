"""The detector's network: where is each structure, how large is it, and which plane is this?"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import ResNetBackbone, ResNetConfig

from fetalflex.detection.config import STRIDE, DetectorConfig

_GROUPS = 8
_LEVELS = ("stage1", "stage2", "stage3", "stage4")


class DetectorMaps(NamedTuple):
    """What the network says of B images with K structures and P planes, on a map of (h, w) cells.

    Args:
        places: Logits of each structure's centre lying in each cell and, last, of its being nowhere, (B, K, h·w + 1).
        boxes: Of a structure whose centre lies in a cell: (centre - cell's centre) / typical size in x and y, and
            log(size / typical size) in width and height, (B, K, 4, h, w).
        planes: Logits, (B, P).
    """

    places: Tensor
    boxes: Tensor
    planes: Tensor


class DetectorNetwork(nn.Module):
    """Answer for each structure once: a distribution over the cells of a map and "nowhere".

    A residual network (the backbone of transformers, with group normalisation, so that a batch of any size and an
    averaged model behave alike) is followed by a feature pyramid down to a stride of 4 pixels.

    Args:
        config: Sizes, structures and planes.
    """

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        net, structures = config.network, len(config.structures)
        self.backbone = ResNetBackbone(
            ResNetConfig(
                num_channels=1,
                embedding_size=net.channels[0],
                hidden_sizes=list(net.channels),
                depths=list(net.blocks),
                layer_type="basic",
                out_features=list(_LEVELS),
            )
        )
        _use_group_norm(self.backbone)
        self.lateral = nn.ModuleList(nn.Conv2d(channels, net.neck, 1) for channels in net.channels)
        self.joined = nn.ModuleList(_block(net.neck, net.neck) for _ in net.channels[:-1])
        self.head = _block(net.neck, net.neck)
        self.place = nn.Conv2d(net.neck, structures, 1)
        self.box = nn.Conv2d(net.neck, 4 * structures, 1)
        self.nowhere = nn.Linear(2 * net.channels[-1], structures)
        self.plane = nn.Linear(2 * net.channels[-1], len(config.planes))
        nn.init.zeros_(self.box.weight)
        # At first a structure is as likely anywhere as nowhere.
        nn.init.constant_(self.nowhere.bias, 2 * math.log(config.size / STRIDE))

    def forward(self, images: Tensor) -> DetectorMaps:
        """Return the maps of images, (B, 1, S, S) float in [-1, 1]."""
        features = self.backbone(images).feature_maps
        # After group normalisation means alone differ little between images.
        pooled = torch.cat([features[-1].mean(dim=(2, 3)), features[-1].amax(dim=(2, 3))], dim=1)
        x = self.lateral[-1](features[-1])
        for level in (2, 1, 0):
            x = F.interpolate(x, scale_factor=2.0, mode="nearest") + self.lateral[level](features[level])
            x = self.joined[level](x)
        x = self.head(x)
        places = torch.cat([self.place(x).flatten(2), self.nowhere(pooled)[..., None]], dim=2)
        boxes = self.box(x)
        return DetectorMaps(places, boxes.unflatten(1, (-1, 4)), self.plane(pooled))


def _block(channels_in: int, channels_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False),
        nn.GroupNorm(_GROUPS, channels_out),
        nn.ReLU(inplace=True),
    )


def _use_group_norm(module: nn.Module) -> None:
    """Replace every batch normalisation inside a module, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(_GROUPS, child.num_features))
        else:
            _use_group_norm(child)
