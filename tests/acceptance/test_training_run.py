"""From a data set folder to images, over all three stages, as a user would do it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fetalflex.anatomy import default_registry
from fetalflex.data import DatasetFolder
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.training.config import load_run_config
from fetalflex.training.run import train
from phantoms import write_phantoms

pytestmark = pytest.mark.slow

KINDS = ("image", "conditions", "structures")


def run(folder: Path, stage: str, images: int, **changes: Any) -> list[dict[str, Any]]:
    """Write a run's YAML file, train, and return its log."""
    values = {
        "stage": stage,
        "output": str(folder / stage),
        "model": "tiny",
        "data": {"paths": [str(folder / "data")], "cache": str(folder / "cache")},
        "images": images,
        "batch_size": 16,
        "learning_rate": 2.0e-3,
        "warmup_images": 64,
        "ema_half_life": 200,
        "checkpoint_every": 640,
        "validate_every": 640,
        "log_every": 160,
        "device": "cpu",
        "augmentation": {"variants": 2, "rotation": 5},
    }
    path = folder / f"{stage}.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    assert train(load_run_config(path))
    return [json.loads(line) for line in (folder / stage / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    write_phantoms(folder / "data", 240)
    crops = [{"until": 0.5, "size": 32}, {"until": 1.0, "size": 64}]
    run(folder, "autoencoder", 1600, autoencoder={"crops": crops})
    run(folder, "denoiser", 1600, init=str(folder / "autoencoder" / "model"))
    run(folder, "control", 1600, init=str(folder / "denoiser" / "model"))
    return folder


def validations(folder: Path, stage: str) -> list[dict[str, Any]]:
    lines = (folder / stage / "log.jsonl").read_text().splitlines()
    return [entry for entry in map(json.loads, lines) if any(name.startswith("validation/") for name in entry)]


def test_every_stage_gets_better(folder: Path) -> None:
    autoencoder, denoiser, control = (validations(folder, name) for name in ("autoencoder", "denoiser", "control"))
    assert autoencoder[-1]["validation/psnr"] > 20
    assert autoencoder[-1]["validation/psnr"] > autoencoder[0]["validation/psnr"]
    assert denoiser[-1]["validation/loss"] < denoiser[0]["validation/loss"] < 1
    assert control[-1]["validation/loss"] < control[0]["validation/loss"]
    assert control[-1]["validation/adherence"] > 0.01


def test_the_trained_model_makes_images_that_keep_their_background(folder: Path) -> None:
    pipeline = FetalFlexPipeline.from_pretrained(folder / "control" / "model")
    assert pipeline.registry.to_yaml() == default_registry().to_yaml()
    dataset = DatasetFolder(folder / "data").subset(split="val")
    records = list(dataset)[:4]
    images = [dataset.image(record) for record in records]
    parts = zip(records, images, strict=True)
    requests = [Request(record.layout, image, seed=seed) for seed, (record, image) in enumerate(parts)]
    made = pipeline.batch(requests, Sampling(steps=10))
    for image, synthesis in zip(images, made, strict=True):
        inside = synthesis.roi_mask
        assert np.array_equal(synthesis.image[~inside], image[~inside])
        assert (synthesis.image[inside] != image[inside]).mean() > 0.5
        synthesis.save(folder / f"{synthesis.seed}.png")


def test_a_later_stage_reuses_the_latents_of_an_earlier_one(folder: Path) -> None:
    shards = list((folder / "cache").glob("*.safetensors"))
    keys = {kind: {path.name.split(".")[0] for path in shards if path.name.split(".")[1] == kind} for kind in KINDS}
    assert keys["structures"] <= keys["image"]
    assert len(keys["conditions"]) == len(keys["structures"]) > 0  # under keys that name the labels, too
    made = [path.stat().st_mtime for path in shards if path.name.split(".")[1] == "image"]
    assert max(made) < (folder / "denoiser" / "model" / "model_index.json").stat().st_mtime
