"""What a detector is trained towards, and how far it is from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fetalflex.anatomy import Layout
from fetalflex.detection.config import STRIDE, DetectorConfig
from fetalflex.detection.decoding import boxes_at_cells, cell_centres
from fetalflex.detection.network import DetectorMaps
from fetalflex.detection.upright import upright_corners

_SPREAD = 0.05
_LEAST_SPREAD = 0.6
_REACH = 1


class DetectorTargets(NamedTuple):
    """What B images show.

    Args:
        boxes: Centre and size on the canvas, pixels, (B, K, 4); 1 where there is none.
        present: Which structures have a box, (B, K) bool.
        absence: How much it costs to find a structure that has no box, (B, K); 0 where nobody looked for it.
        planes: Number of the plane, (B,) int64.
    """

    boxes: Tensor
    present: Tensor
    absence: Tensor
    planes: Tensor


def detector_targets(layouts: Sequence[Layout], absences: Sequence[Tensor], config: DetectorConfig) -> DetectorTargets:
    """Return the targets of layouts on the canvas.

    Of several structures of one name the largest counts. Boxes are upright and cut at the canvas.

    Args:
        layouts: On the canvas.
        absences: For each layout, what finding each structure costs that has no box, (K,).
        config: Order of planes and structures.
    """
    names = {name: number for number, name in enumerate(config.structures)}
    planes = {name: number for number, name in enumerate(config.planes)}
    boxes = torch.ones(len(layouts), len(names), 4)
    present = torch.zeros(len(layouts), len(names), dtype=torch.bool)
    for row, layout in enumerate(layouts):
        for placed in sorted(layout.structures, key=lambda placed: placed.box.area):
            corners = upright_corners(placed.box, layout.width, layout.height)
            if placed.name in names and corners is not None:
                x0, y0, x1, y1 = corners
                boxes[row, names[placed.name]] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])
                present[row, names[placed.name]] = True
    numbers = torch.from_numpy(np.array([planes[layout.plane] for layout in layouts], dtype=np.int64))
    return DetectorTargets(boxes, present, torch.stack(list(absences)), numbers)


def detector_loss(maps: DetectorMaps, targets: DetectorTargets, typical: Tensor) -> dict[str, Tensor]:
    """Return the parts of the loss.

    `place` is the cross-entropy of the distribution over cells and "nowhere"; of a structure with a box the target is a
    narrow normal distribution about its centre. `box` compares the boxes that the nine cells about the centre predict,
    by 1 - GIoU and the L1 distance in units of the true size. `plane` is the cross-entropy of the plane.

    Args:
        maps: Of the network.
        targets: What the images show.
        typical: Typical sizes of the structures on the canvas, pixels, (K, 2).
    """
    row, column = targets.present.nonzero(as_tuple=True)
    logs = F.log_softmax(maps.places.float(), dim=2)
    absence = -(targets.absence * ~targets.present * logs[..., -1]).sum()
    weight = len(row) + (targets.absence * ~targets.present).sum()
    plane = F.cross_entropy(maps.planes.float(), targets.planes)
    if not len(row):
        return {"place": absence / weight.clamp_min(1.0), "box": maps.boxes.float().sum() * 0, "plane": plane}
    h, w = maps.boxes.shape[-2:]
    true = targets.boxes[row, column]
    place = -(_spread_out(true, h, w) * logs[row, column, :-1]).sum()
    indices, near = _cells_about(true, h, w)
    values = maps.boxes[row, column].float().flatten(2)
    values = values.gather(2, indices[:, None].expand(-1, 4, -1))
    found = boxes_at_cells(values[:, None], near[:, None], typical[column][:, None])[:, 0]
    box = _box_distance(found, true[..., None], values, near, typical[column][..., None]).mean()
    return {"place": (place + absence) / weight, "box": box, "plane": plane}


def _spread_out(boxes: Tensor, h: int, w: int) -> Tensor:
    """Return a normal distribution about the centre of each box, wider for larger ones, (N, h·w); each sums to 1."""
    spread = (_SPREAD * boxes[:, 2:]).clamp_min(_LEAST_SPREAD * STRIDE)
    sides = []
    for axis, count in ((1, h), (0, w)):
        cells = (torch.arange(count, device=boxes.device) + 0.5) * STRIDE
        sides.append(F.softmax(-0.5 * ((cells - boxes[:, axis, None]) / spread[:, axis, None]) ** 2, dim=1))
    return (sides[0][:, :, None] * sides[1][:, None, :]).flatten(1)


def _cells_about(boxes: Tensor, h: int, w: int) -> tuple[Tensor, Tensor]:
    """Return the nine cells about the centre of each box, further apart for larger ones.

    Returns:
        Their places in the flattened map, (N, 9), and their centres, x and y in pixels, (N, 2, 9).
    """
    step = (_SPREAD * boxes[:, 2:] / STRIDE).round().clamp_min(1)
    offsets = torch.arange(-_REACH, _REACH + 1, device=boxes.device)
    dy, dx = torch.meshgrid(offsets, offsets, indexing="ij")
    column = ((boxes[:, 0, None] / STRIDE).floor() + dx.flatten() * step[:, 0, None]).clamp(0, w - 1).long()
    row = ((boxes[:, 1, None] / STRIDE).floor() + dy.flatten() * step[:, 1, None]).clamp(0, h - 1).long()
    indices = row * w + column
    return indices, cell_centres(h, w, boxes.device).flatten(1)[:, indices].transpose(0, 1)


def _box_distance(found: Tensor, true: Tensor, values: Tensor, near: Tensor, typical: Tensor) -> Tensor:
    """Return 1 - GIoU plus the distance in units of the true size, (N, 9).

    Args:
        found: Centre and size, pixels, (N, 4, 9).
        true: The same of the true boxes, (N, 4, 1).
        values: The network's own numbers, from which `found` follows, (N, 4, 9).
        near: Centres of the cells, (N, 2, 9).
        typical: Typical sizes, pixels, (N, 2, 1).
    """
    wanted = torch.cat(
        [(true[:, :2] - near) / typical, (true[:, 2:] / typical).log().expand(-1, -1, near.shape[-1])], 1
    )
    unit = torch.cat([true[:, 2:] / typical, torch.ones_like(typical)], 1)
    distance = F.smooth_l1_loss(values / unit, wanted / unit, reduction="none", beta=0.1).sum(dim=1)
    return 1 - _generalised_iou(found, true) + distance


def _generalised_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return the GIoU of boxes given by centre and size, (N, 4, ...)."""
    low = [box[:, :2] - box[:, 2:] / 2 for box in (first, second)]
    high = [box[:, :2] + box[:, 2:] / 2 for box in (first, second)]
    overlap = (torch.minimum(*high) - torch.maximum(*low)).clamp_min(0).prod(dim=1)
    hull = (torch.maximum(*high) - torch.minimum(*low)).prod(dim=1)
    union = first[:, 2:].prod(dim=1) + second[:, 2:].prod(dim=1) - overlap
    return overlap / union - (hull - union) / hull
