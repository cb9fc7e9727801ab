from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from cli_helpers import RunCommand


@pytest.fixture
def config(workplace: Path, tiny_model: Path, phantom_folder: Path) -> Path:
    values = {
        "stage": "control",
        "output": "runs/control",
        "init": str(tiny_model),
        "data": {"paths": [str(phantom_folder)]},
        "images": 8,
        "batch_size": 8,
        "validate_every": 8,
        "augmentation": {"variants": 1},
    }
    path = workplace / "control.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@pytest.mark.slow
def test_an_ablation_writes_its_table(run: RunCommand, config: Path) -> None:
    command = ("experiment", "ablation", "--config", config, "--out", "out", "--limit", 1, "--steps", 1, "--no-edits")
    shown = run(*command).stdout
    assert shown.endswith("wrote out/ablation.md\n")
    assert "| without pre-alignment |" in Path("out/ablation.md").read_text()
    again = json.loads(run(*command, "--json").stdout)
    assert again == json.loads(Path("out/ablation.json").read_text())
    assert again["rows"][0]["report"]["sampling"]["layout_guidance"] == 1.0


def test_the_files_device_stands_unless_another_is_given(
    run: RunCommand, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = []
    monkeypatch.setattr(
        "fetalflex.experiments.ablation.run_ablation", lambda run_config, *_: devices.append(run_config.device)
    )
    config.write_text(f"{config.read_text()}device: cpu\n")
    for options in ((), ("--device", "cuda")):
        run("experiment", "ablation", "--config", config, "--out", "out", *options, code=130)
    assert devices == ["cpu", "cuda"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--config missing.yaml --out out", "missing.yaml: cannot be read: No such file"),
        ("--config control.yaml --out out --split tset", "split 'tset' is unknown"),
        ("--config control.yaml --out out --steps 5000", "5000"),
    ],
)
def test_bad_input_is_refused_in_one_line(run: RunCommand, config: Path, arguments: str, message: str) -> None:
    last = run("experiment", "ablation", *arguments.split(), code=2).stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert message in last, last
