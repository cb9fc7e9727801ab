from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from fetalflex.anatomy import default_registry
from fetalflex.cli.show import progress_bar
from fetalflex.data import DatasetFolder
from fetalflex.diffusion.guidance import Guidance
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.evaluate import EvaluationSettings
from fetalflex.experiments.ablation import TABLE, VALUES, VARIANTS, run_ablation
from fetalflex.models.components import Components
from fetalflex.pipeline.sampling import Sampling
from fetalflex.training.config import RunConfig


def control_run(data: Path, model: Path, **changes: Any) -> RunConfig:
    values: dict[str, Any] = {
        "stage": "control",
        "output": "unused",
        "init": model,
        "data": {"paths": [data]},
        "images": 40,  # a new control branch needs some steps until its layers, zero at first, pass gradients on
        "batch_size": 8,
        "learning_rate": 0.01,
        "warmup_images": 0,
        "validate_every": 40,
        "log_every": 8,
        "device": "cpu",
        "augmentation": {"variants": 1},
    }
    return RunConfig.model_validate(values | changes)


def ablation(config: RunConfig, data: Path, out: Path) -> dict[str, Any]:
    sampling = Sampling(steps=1, guidance=Guidance(layout=1.0, edit=0.0))
    settings = EvaluationSettings("val", limit=2, sampling=sampling)
    console = Console(quiet=True)
    values = run_ablation(config, [DatasetFolder(data)], default_registry(), out, settings, console, show=progress_bar)
    assert values is not None
    return values


@pytest.fixture(scope="module")
def model(shared_model: Components, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared_model.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def finished(model: Path, phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ablation")
    ablation(control_run(phantom_folder, model), phantom_folder, out)
    return out


@pytest.mark.slow
def test_every_variant_is_trained_for_itself_and_measured_alike(finished: Path) -> None:
    values = json.loads((finished / VALUES).read_text())
    rows = {row["name"]: row for row in values["rows"]}
    assert list(rows) == [variant.name for variant in VARIANTS]
    assert {row["report"]["images"] for row in rows.values()} == {2}
    models = {name: row["report"]["model"] for name, row in rows.items()}
    assert models["ssa"] == models["whole-method"]
    assert len(set(models.values())) == len(VARIANTS) - 1
    assert "smoothing" in rows["ssa"]["report"]["sampling"]
    assert rows["no-ssim"]["changes"] == {"ssim_weight": 0.0}
    assert all("validation/adherence" in row["training"] for row in rows.values())


@pytest.mark.slow
def test_the_control_branch_of_the_start_is_forgotten(finished: Path, model: Path) -> None:
    trained = Components.load(finished / "no-prealignment" / "run" / "model")
    assert not trained.prealignment.modulation.weight.any()
    assert not trained.prealignment.config.modulates
    assert Components.load(model).prealignment.modulation.weight.any()


@pytest.mark.slow
def test_the_table_has_a_line_per_variant(finished: Path) -> None:
    lines = (finished / TABLE).read_text().splitlines()
    titles = [line.split("|")[1].strip() for line in lines if line.startswith("|")]
    first, *others = (variant.title for variant in VARIANTS)
    assert titles[2:] == [first, "… blurred by 2 px", "… blurred by 4 px", *others]
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert "skull removed" in "\n".join(lines)


@pytest.mark.slow
def test_the_same_call_goes_on_where_it_was_interrupted(finished: Path, model: Path, phantom_folder: Path) -> None:
    kept = [*finished.glob("*/evaluation/syntheses/*.png"), *finished.glob("*/run/log.jsonl")]
    before = {path: path.read_bytes() for path in kept}
    (finished / TABLE).unlink()
    values = ablation(control_run(phantom_folder, model), phantom_folder, finished)
    assert {path: path.read_bytes() for path in kept} == before
    assert values == json.loads((finished / VALUES).read_text())
    assert (finished / TABLE).is_file()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stage": "denoiser"}, "stage is denoiser; an ablation needs"),
        ({"max_minutes": 3}, "max_minutes is 3; an ablation compares equal numbers of images"),
        ({"control": {"ssim_weight": 0}}, "control.ssim_weight is 0.0 already"),
        ({"control": {"prealignment": False}}, "control.prealignment is False already"),
    ],
)
def test_a_run_that_does_not_suit_is_refused(
    changes: dict[str, Any], message: str, model: Path, phantom_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(FetalFlexError, match=message):
        ablation(control_run(phantom_folder, model, **changes), phantom_folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
