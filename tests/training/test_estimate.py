from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from training_helpers import silent

from fetalflex.models.components import Components
from fetalflex.training.config import RunConfig
from fetalflex.training.estimate import estimate_run
from fetalflex.training.run import train


@pytest.mark.parametrize("stage", ["autoencoder", "denoiser", "control"])
def test_disk_is_about_what_the_run_then_takes_and_nothing_is_written(
    tmp_path: Path, phantom_folder: Path, shared_model: Components, stage: str
) -> None:
    start: dict[str, Any] = {"model": "tiny"}
    if stage != "autoencoder":
        start["init"] = shared_model.save(tmp_path / "init")
    config = RunConfig.model_validate(
        {"stage": stage, "output": tmp_path / "run", "data": {"paths": [phantom_folder]}, "images": 48}
        | {"batch_size": 8, "checkpoint_every": 16, "log_every": 8, "device": "cpu", "augmentation": {"variants": 2}}
        | {"autoencoder": {"crops": [{"until": 1, "size": 32}]}, **start}
    )
    estimate = estimate_run(config, console=silent())
    assert not (tmp_path / "run").exists()
    assert estimate.training_images == 36
    assert estimate.shown_images == 48
    assert estimate.training_seconds == pytest.approx(48 / estimate.images_per_second)
    assert estimate.memory_bytes > 50e6

    assert train(config, console=silent())
    sizes = {path: path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.is_file()}
    cached = sum(size for path, size in sizes.items() if path.parent.name == "latents")
    assert estimate.cache_bytes == pytest.approx(cached, rel=0.15)
    checkpoints = sum(size for path, size in sizes.items() if path.suffix == ".safetensors") - cached
    # The run keeps two checkpoints; the estimate has room for a third that is being written.
    assert checkpoints < estimate.run_bytes < 1.8 * checkpoints


def test_a_time_budget_limits_what_is_shown(tmp_path: Path, phantom_folder: Path) -> None:
    config = RunConfig.model_validate(
        {"stage": "autoencoder", "output": tmp_path / "run", "data": {"paths": [phantom_folder]}, "images": 10**9}
        | {"model": "tiny", "batch_size": 4, "max_minutes": 2, "autoencoder": {"crops": [{"until": 1, "size": 32}]}}
    )
    estimate = estimate_run(config, console=silent())
    assert estimate.training_seconds == 120
    assert estimate.shown_images == round(120 * estimate.images_per_second)
