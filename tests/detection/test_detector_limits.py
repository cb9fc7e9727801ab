from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fetalflex.detection import Detector
from fetalflex.detection import detector as detector_module
from fetalflex.detection.config import DetectorConfig, NetworkConfig
from fetalflex.errors import FetalFlexError


@pytest.fixture
def untrained() -> Detector:
    config = DetectorConfig(
        size=64,
        planes={"abdominal_transverse": ("abdomen", "stomach")},
        typical_sizes={"abdomen": (0.6, 0.5), "stomach": (0.2, 0.2)},
        network=NetworkConfig(channels=(8, 8, 16, 16), blocks=(1, 1, 1, 1), neck=8),
    )
    return Detector(config).freeze()


@pytest.fixture
def folder(untrained: Detector, tmp_path: Path) -> Path:
    return untrained.save(tmp_path / "d")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("size",), 10**9),
        (("size",), 2048),
        (("network", "channels"), [1024] * 4),
        (("network", "channels"), [10**6] * 4),
        (("network", "blocks"), [16] * 4),
        (("network", "blocks"), [10**6] * 4),
        (("network", "neck"), 1024),
        (("typical_sizes", "stomach"), [1e-320, 1e300]),
        (("typical_sizes",), {f"s{number}": [0.1, 0.1] for number in range(501)}),
        (("planes",), {"abdominal_transverse": ["abdomen", "heart"]}),
    ],
)
def test_a_detector_is_judged_by_its_config_before_it_is_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[str, ...], value: Any
) -> None:
    path = folder / "config.json"
    content = json.loads(path.read_text())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    path.write_text(json.dumps(content))

    def only_on_meta(config: DetectorConfig) -> Any:
        assert torch.empty(1).device.type == "meta", "the network was built"
        return network(config)

    network = detector_module.DetectorNetwork
    monkeypatch.setattr(detector_module, "DetectorNetwork", only_on_meta)
    started = time.process_time()
    with pytest.raises(FetalFlexError, match=r"config\.json: |model\.safetensors: cannot be loaded"):
        Detector.from_pretrained(folder)
    assert time.process_time() - started < 2


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 10_000, b'{"format": NaN}', b'{"a": 1, "a": 2}'])
def test_damaged_configs_are_named(folder: Path, content: bytes) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(FetalFlexError, match=r"config\.json"):
        Detector.from_pretrained(folder)


def test_an_endless_config_is_not_read(folder: Path) -> None:
    with (folder / "config.json").open("wb") as file:
        os.truncate(file.fileno(), 2**40)
    with pytest.raises(FetalFlexError, match=r"config\.json is larger than 10 MB"):
        Detector.from_pretrained(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(folder: Path, value: float) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors["place.bias"][0] = value
    save_file(tensors, folder / "model.safetensors")
    with pytest.raises(FetalFlexError, match=r"model\.safetensors: holds weights that are not finite"):
        Detector.from_pretrained(folder)


def test_answers_that_are_not_finite_are_told(untrained: Detector) -> None:
    with torch.no_grad():
        untrained.network.place.weight.fill_(3e38)
        untrained.network.box.weight.fill_(3e38)
    with pytest.raises(FetalFlexError, match="the detector gives values that are not finite"):
        untrained.detect([np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)])
