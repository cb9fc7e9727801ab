from __future__ import annotations

import math

import pytest
import torch

from fetalflex.detection.config import STRIDE, DetectorConfig, NetworkConfig
from fetalflex.detection.decoding import cell_centres, decode
from fetalflex.detection.network import DetectorMaps, DetectorNetwork

CONFIG = DetectorConfig(
    size=64,
    planes={"thalamic_transverse": ("skull", "thalami"), "femur": ()},
    typical_sizes={"skull": (0.5, 0.4), "thalami": (0.2, 0.1)},
    network=NetworkConfig(channels=(8, 16, 24, 32), blocks=(1, 1, 1, 1), neck=16),
)
TYPICAL = torch.tensor([[32.0, 25.6], [12.8, 6.4]])


def maps(place: tuple[int, int], logit: float = 20.0, box: tuple[float, ...] = (0, 0, 0, 0)) -> DetectorMaps:
    """Return maps in which all structures are in one cell, (row, column), all cells saying the same box."""
    places = torch.zeros(1, 2, 257)
    places[:, :, place[0] * 16 + place[1]] = logit
    boxes = torch.tensor(box)[None, None, :, None, None].expand(1, 2, 4, 16, 16)
    return DetectorMaps(places, boxes, torch.tensor([[2.0, 0.0]]))


def test_cells_have_their_centres_between_pixel_edges() -> None:
    centres = cell_centres(16, 16)
    assert centres[:, 0, 0].tolist() == [STRIDE / 2, STRIDE / 2]
    assert centres[:, 3, 5].tolist() == [5.5 * STRIDE, 3.5 * STRIDE]


def test_the_likeliest_cell_gives_centre_and_typical_size() -> None:
    found = decode(maps((3, 5)), TYPICAL)
    assert found.boxes[0, 0].tolist() == pytest.approx([22, 14, 32, 25.6], abs=1e-3)
    assert found.scores[0].tolist() == pytest.approx([1, 1], abs=1e-5)
    assert found.planes[0].sum() == pytest.approx(1)


def test_offsets_and_sizes_are_in_units_of_the_typical_size() -> None:
    found = decode(maps((3, 5), box=(0.5, -0.25, math.log(2), math.log(0.5))), TYPICAL)
    assert found.boxes[0, 1].tolist() == pytest.approx([22 + 6.4, 14 - 1.6, 25.6, 3.2], abs=1e-3)


def test_what_is_nowhere_scores_nothing() -> None:
    nowhere = maps((3, 5), logit=0.0)
    nowhere.places[:, :, -1] = 30
    assert decode(nowhere, TYPICAL).scores.max() < 1e-6


def test_an_uncertain_place_scores_less() -> None:
    blurred = maps((3, 5), logit=5.0)
    blurred.places[0, :, 15 * 16] = 4.9
    assert 0.1 < decode(blurred, TYPICAL).scores[0, 0] < 0.6


def test_extreme_values_stay_finite() -> None:
    found = decode(maps((0, 0), logit=1e4, box=(1e3, 1e3, 1e4, -1e4)), TYPICAL)
    assert torch.isfinite(found.boxes).all()
    assert (found.boxes[..., 2:] > 0).all()


def test_the_network_starts_undecided_and_ignores_the_rest_of_the_batch() -> None:
    torch.manual_seed(0)
    network = DetectorNetwork(CONFIG).eval()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    images = torch.rand(3, 1, 64, 64) * 2 - 1
    with torch.no_grad():
        together, alone = network(images), network(images[1:2])
    assert together.places.shape == (3, 2, 257)
    assert together.boxes.shape == (3, 2, 4, 16, 16)
    assert together.planes.shape == (3, 2)
    torch.testing.assert_close(together.places[1:2], alone.places, rtol=1e-4, atol=1e-5)
    assert 0.2 < together.places.softmax(2)[..., -1].mean() < 0.8
