from __future__ import annotations

import math

import pytest
import torch

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.detection.config import DetectorConfig
from fetalflex.detection.decoding import decode
from fetalflex.detection.network import DetectorMaps
from fetalflex.training.detector_loss import DetectorTargets, detector_loss, detector_targets

CONFIG = DetectorConfig(
    size=64,
    planes={"thalamic_transverse": ("skull", "thalami"), "femur": ()},
    typical_sizes={"skull": (0.5, 0.4), "thalami": (0.2, 0.1)},
)
TYPICAL = torch.tensor([[32.0, 25.6], [12.8, 6.4]])
SKULL, THALAMI = Box(30, 35, 40, 28), Box(32, 33, 10, 7)
ZERO = torch.zeros(2)


def layout(**boxes: Box) -> Layout:
    return Layout("thalamic_transverse", 64, 64, tuple(PlacedStructure(name, box) for name, box in boxes.items()))


def free_maps(batch: int = 1) -> DetectorMaps:
    """Return maps as they might be at the start, to be optimised themselves."""
    tensors = torch.zeros(batch, 2, 257), torch.zeros(batch, 2, 4, 16, 16), torch.zeros(batch, 2)
    return DetectorMaps(*(tensor.requires_grad_() for tensor in tensors))


def total(maps: DetectorMaps, targets: DetectorTargets) -> torch.Tensor:
    return sum(detector_loss(maps, targets, TYPICAL).values(), torch.zeros(()))


def test_targets_are_upright_boxes_in_the_order_of_the_config() -> None:
    turned = layout(thalami=THALAMI, skull=Box(30, 35, 40, 28, -90))
    targets = detector_targets([turned, layout(skull=Box(2, 35, 40, 28))], [ZERO, ZERO], CONFIG)
    assert targets.boxes[0].tolist() == [[30, 35, 28, 40], [32, 33, 10, 7]]
    assert targets.boxes[1, 0].tolist() == [11, 35, 22, 28]
    assert targets.present.tolist() == [[True, True], [True, False]]
    assert targets.planes.tolist() == [0, 0]


def test_of_several_structures_the_largest_counts() -> None:
    two = layout(skull=SKULL).with_structures(PlacedStructure("skull", box) for box in (SKULL, SKULL.scaled(0.5)))
    assert detector_targets([two], [ZERO], CONFIG).boxes[0, 0].tolist() == [30, 35, 40, 28]


def test_what_has_the_least_loss_shows_the_boxes() -> None:
    maps = free_maps()
    targets = detector_targets([layout(skull=SKULL, thalami=THALAMI)], [ZERO], CONFIG)
    optimizer = torch.optim.Adam(maps, lr=0.3)
    first = total(maps, targets).item()
    for _ in range(300):
        optimizer.zero_grad()
        loss = total(maps, targets)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.6 * first
    found = decode(DetectorMaps(*(tensor.detach() for tensor in maps)), TYPICAL)
    assert found.boxes[0, 0].tolist() == pytest.approx([30, 35, 40, 28], abs=1)
    assert found.boxes[0, 1].tolist() == pytest.approx([32, 33, 10, 7], abs=0.5)
    assert found.scores.min() > 0.9
    assert found.planes[0, 0] > 0.9


def test_what_nobody_looked_for_has_no_gradient() -> None:
    maps = free_maps()
    total(maps, detector_targets([layout(skull=SKULL)], [ZERO], CONFIG)).backward()
    assert maps.places.grad is not None
    assert maps.boxes.grad is not None
    assert not maps.places.grad[0, 1].any()
    assert not maps.boxes.grad[0, 1].any()
    assert maps.places.grad[0, 0].any()


@pytest.mark.parametrize("absence", [0.1, 0.5])
def test_what_is_absent_is_pushed_to_nowhere_by_its_weight(absence: float) -> None:
    maps = free_maps()
    targets = detector_targets([layout(skull=SKULL)], [torch.tensor([0.5, absence])], CONFIG)
    detector_loss(maps, targets, TYPICAL)["place"].backward()
    assert maps.places.grad is not None
    pull = -maps.places.grad[0, 1, -1]
    assert float(pull) == pytest.approx(absence / (1 + absence) * (1 - 1 / 257))
    assert maps.places.grad[0, 0, -1] > 0  # the skull has a box, so it is not nowhere


def test_an_image_without_boxes_teaches_its_plane_alone() -> None:
    maps = free_maps()
    parts = detector_loss(maps, detector_targets([layout()], [ZERO], CONFIG), TYPICAL)
    assert parts["place"].item() == parts["box"].item() == 0
    assert parts["plane"].item() == pytest.approx(math.log(2))
    sum(parts.values(), torch.zeros(())).backward()
    assert maps.planes.grad is not None
    assert maps.planes.grad.any()
    assert maps.places.grad is not None
    assert not maps.places.grad.any()


def test_small_and_border_boxes_are_finite() -> None:
    tiny = layout(skull=Box(0.2, 63.9, 0.3, 0.1), thalami=Box(64, 0, 1, 1))
    parts = detector_loss(free_maps(), detector_targets([tiny], [ZERO], CONFIG), TYPICAL)
    assert all(torch.isfinite(part) for part in parts.values())
