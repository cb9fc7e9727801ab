from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import yaml
from cli_helpers import LAYOUT, RunCommand

from fetalflex.cli.train import Stage
from fetalflex.data import DatasetFolder, Record


@pytest.fixture
def run_file(workplace: Path) -> Path:
    """The YAML file of a run of the smallest model over eight images."""
    rng = np.random.default_rng(2)
    items = []
    for number in range(8):
        split = "val" if number < 2 else "train"
        pixels = rng.integers(0, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8)
        items.append((Record(f"{number}.png", LAYOUT, split=split), pixels))
    DatasetFolder.write(workplace / "set", items)
    return write_run(
        workplace / "run.yaml",
        output="run",
        model="tiny",
        data={"paths": ["set"]},
        images=8,
        batch_size=4,
        warmup_images=0,
        autoencoder={"crops": [{"until": 1.0, "size": 32}]},
    )


def write_run(path: Path, **values: Any) -> Path:
    path.write_text(yaml.safe_dump(values))
    return path


def changed(path: Path, **values: Any) -> Path:
    return write_run(path, **yaml.safe_load(path.read_text()) | values)


def test_a_stage_is_trained_and_its_model_written(run: RunCommand, run_file: Path) -> None:
    run("train", "autoencoder", "--config", run_file, "--device", "cpu")
    assert json.loads(Path("run/summary.json").read_text())["images"] == 8
    assert "tiny" in run("info", "run/model").stdout
    recorded = yaml.safe_load(Path("run/run.yaml").read_text())["config"]
    assert (recorded["stage"], recorded["device"]) == ("autoencoder", "cpu")


def test_options_replace_values_of_the_file(run: RunCommand, run_file: Path) -> None:
    changed(run_file, stage="autoencoder", images=10**9)
    run("train", "autoencoder", "--config", run_file, "--output", "other", "--max-minutes", 0.001)
    recorded = yaml.safe_load(Path("other/run.yaml").read_text())["config"]
    assert (recorded["output"], recorded["max_minutes"]) == ("other", 0.001)
    assert Path("other/model").is_dir()
    assert not Path("run").exists()


def test_an_interrupted_run_exits_with_130_and_resumes(
    run: RunCommand, run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fetalflex.training.autoencoder import AutoencoderTraining

    compute_loss = AutoencoderTraining.loss

    def press_ctrl_c(self: AutoencoderTraining, *arguments: Any) -> Any:
        signal.raise_signal(signal.SIGINT)
        return compute_loss(self, *arguments)

    monkeypatch.setattr(AutoencoderTraining, "loss", press_ctrl_c)
    stderr = run("train", "autoencoder", "--config", run_file, code=130).stderr
    assert "the same command continues from there" in " ".join(stderr.split())
    assert not Path("run/model").exists()
    monkeypatch.undo()
    monkeypatch.chdir(run_file.parent)
    assert "resuming at" in run("train", "autoencoder", "--config", run_file).stderr
    assert Path("run/model").is_dir()


def test_a_diverging_run_exits_with_3(run: RunCommand, run_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diverge(*_: object) -> bool:
        raise FloatingPointError("the loss became nan at 4 images; lower learning_rate and start again")

    monkeypatch.setattr("fetalflex.training.run.train", diverge)
    result = run("train", "autoencoder", "--config", run_file, code=3)
    assert result.stderr == (
        "error: training diverged: the loss became nan at 4 images; lower learning_rate and start again\n"
    )


def test_stages_are_those_of_the_run_config() -> None:
    from fetalflex.training.config import StageName

    assert tuple(stage.value for stage in Stage) == (*get_args(StageName), "recipe")


@pytest.mark.parametrize(
    ("stage", "values", "options", "message"),
    [
        ("denoiser", {"stage": "autoencoder"}, "", "run.yaml describes the stage autoencoder, not denoiser"),
        ("control", {}, "", "init is missing"),
        ("autoencoder", {"imgaes": 5}, "", "imgaes: Extra inputs are not permitted"),
        ("autoencoder", {"images": 0}, "", "images: .*greater than or equal to 1"),
        ("autoencoder", {"stage": ["control"]}, "", "describes the stage"),
        ("autoencoder", {"model": "giant"}, "", "model preset 'giant' is unknown"),
        ("autoencoder", {"data": {"paths": ["nowhere"]}}, "", "nowhere is no data set"),
        ("autoencoder", {}, "--max-minutes 0", "--max-minutes is 0; give a number from 0.001 to 10000000"),
        ("autoencoder", {}, "--device abacus", "device 'abacus' cannot be used"),
        ("autoencoder", {}, "--config missing.yaml", "missing.yaml: cannot be read: No such file"),
        ("autoencoder", {}, "--config scan.png", "scan.png: is not UTF-8 text"),
        ("autoencoder", {}, "--config colon.yaml", "colon.yaml: is not valid YAML at line 1"),
        ("autoencoder", {}, "--config list.yaml", "list.yaml: the run config must be a mapping"),
        ("autoencoder", {}, "--registry missing.yaml", "missing.yaml"),
        ("decoder", {}, "", "'decoder' is not one of"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    run: RunCommand, run_file: Path, stage: str, values: dict[str, Any], options: str, message: str
) -> None:
    changed(run_file, **values)
    Path("colon.yaml").write_text("a: b: c")
    Path("list.yaml").write_text("- 1\n")
    last = run("train", stage, "--config", run_file, *options.split(), code=2).stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert re.search(message, last), last
