"""From the network's maps to one box per structure."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fetalflex.detection.config import STRIDE
from fetalflex.detection.network import DetectorMaps

_NEAREST_CELLS = 1.5
_LARGEST_LOG_SCALE = 4.0


class DecodedBoxes(NamedTuple):
    """One box per image and structure.

    Args:
        boxes: Centre and size on the canvas, pixels, (B, K, 4).
        scores: Probability that the structure is there with its centre in the middle half of the box, (B, K).
        planes: Probability of each plane, (B, P).
    """

    boxes: Tensor
    scores: Tensor
    planes: Tensor


def decode(maps: DetectorMaps, typical: Tensor) -> DecodedBoxes:
    """Return the most probable box of each structure.

    The box is the mean of what the likeliest cell and its eight neighbours say, weighted by their probability.

    Args:
        maps: Of the network.
        typical: Typical width and height of each structure on the canvas, pixels, (K, 2).
    """
    h, w = maps.boxes.shape[-2:]
    places = maps.places.float().softmax(dim=2)[..., :-1].unflatten(2, (h, w))
    cells = cell_centres(h, w, places.device)
    peak = places.flatten(2).argmax(dim=2)
    row, column = peak // w, peak % w
    near = (torch.arange(h, device=peak.device) - row[..., None]).abs()[..., None] <= 1
    near = near & ((torch.arange(w, device=peak.device) - column[..., None]).abs()[..., None, :] <= 1)
    weights = (places * near).flatten(2)
    weights = weights / weights.sum(dim=2, keepdim=True).clamp_min(1e-12)
    boxes = boxes_at_cells(maps.boxes.float().flatten(3), cells.flatten(1), typical)
    box = (boxes * weights[:, :, None]).sum(dim=3)
    return DecodedBoxes(box, _mass_near(places, cells, box), F.softmax(maps.planes.float(), dim=1))


def boxes_at_cells(values: Tensor, cells: Tensor, typical: Tensor) -> Tensor:
    """Return centre and size on the canvas, pixels, (..., K, 4, N), of the boxes that cells predict.

    Args:
        values: The network's box values, (..., K, 4, N).
        cells: Centres of the cells, x and y, pixels, broadcastable to (..., K, 2, N).
        typical: Typical sizes, pixels, (K, 2).
    """
    size = typical[..., None]
    centre = cells + values[..., :2, :] * size
    scale = values[..., 2:, :].clamp(-_LARGEST_LOG_SCALE, _LARGEST_LOG_SCALE).exp()
    return torch.cat([centre, scale * size], dim=-2)


def cell_centres(h: int, w: int, device: torch.device | str = "cpu") -> Tensor:
    """Return x and y of the centres of a map's cells, canvas pixels, (2, h, w)."""
    y, x = torch.meshgrid(torch.arange(h, device=device), torch.arange(w, device=device), indexing="ij")
    return (torch.stack([x, y]).float() + 0.5) * STRIDE


def _mass_near(places: Tensor, cells: Tensor, box: Tensor) -> Tensor:
    """Return the probability, (B, K), in the middle half of each box, and at least in the cells about its centre."""
    reach = (box[..., 2:] / 4).clamp_min(_NEAREST_CELLS * STRIDE)
    distance = (cells - box[..., :2, None, None]).abs()
    inside = (distance <= reach[..., None, None]).all(dim=2)
    return (places * inside).sum(dim=(2, 3))
