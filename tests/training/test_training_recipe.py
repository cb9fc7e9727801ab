from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_helpers import log_lines, same_weights, silent, weights

from fetalflex.data import DatasetFolder, pack
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components, model_identity
from fetalflex.training import recipe as recipe_module
from fetalflex.training.recipe import Recipe, load_recipe, run_recipe

SHIPPED = Path(__file__).parents[2] / "configs" / "mini" / "gpu" / "recipe.yaml"


def written(folder: Path, **changes: Any) -> Path:
    """Write a recipe of two short stages and return its path."""
    values = {
        "output": str(folder / "out"),
        "minutes": 1,
        "common": {"data": {"paths": [str(folder / "data")]}, "batch_size": 8, "init": str(folder / "init")},
        "stages": [{"share": 1, "run": {"stage": "denoiser"}}, {"share": 3, "run": {"stage": "control"}}],
    }
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


def test_stages_follow_one_another(tmp_path: Path) -> None:
    first, second = load_recipe(written(tmp_path)).runs()
    assert first.init == tmp_path / "init"
    assert second.init == first.output / "model"
    assert first.output == tmp_path / "out" / "1-denoiser"
    assert second.batch_size == 8


def test_options_replace_what_the_file_says(tmp_path: Path) -> None:
    recipe = load_recipe(written(tmp_path), minutes=2.5, output=tmp_path / "other", device="cpu")
    assert recipe.minutes == 2.5
    assert {run.output.parent for run in recipe.runs()} == {tmp_path / "other"}
    assert {run.device for run in recipe.runs()} == {"cpu"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minutes": 0}, r"minutes.*greater than 0"),
        ({"stages": []}, "stages"),
        ({"stages": [{"share": 1, "run": {"stage": "detector"}}]}, "detector is no stage of a model"),
        ({"common": {"data": {"paths": ["d"]}}}, "init is missing: stage denoiser"),
        ({"stages": [{"share": 1, "run": {"stage": "denoiser", "batchsize": 3}}]}, "batchsize"),
        ({"shard_size": "many"}, "shard_size"),
    ],
)
def test_a_wrong_recipe_is_refused_with_file_and_field(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    path = written(tmp_path, **changes)
    with pytest.raises(FetalFlexError, match=rf"{path}.*{message}"):
        load_recipe(path)


def test_the_shipped_recipe_is_valid_and_fits_ten_minutes() -> None:
    recipe = load_recipe(SHIPPED)
    assert [run.stage for run in recipe.runs()] == ["autoencoder", "denoiser", "control", "autoencoder"]
    assert recipe.runs()[-1].autoencoder.decoder_only  # else the latents of the stages before would be others
    assert recipe.minutes < 10
    assert recipe.shard_size == "15MB"


def rehearsal(folder: Path, phantoms: Path, model: Components, minutes: float) -> Recipe:
    """The shipped recipe on packed phantoms and a small model, with a small part of its budget."""
    packed = folder / "packed.safetensors"
    if not packed.exists():
        pack([DatasetFolder(phantoms)], packed, size=96)
        model.save(folder / "init")
    values = load_recipe(SHIPPED, minutes, folder / "out", "cpu").model_dump()
    here = {"paths": [str(packed)], "cache": str(folder / "out" / "latents")}
    values["common"]["data"] |= here
    values["common"] |= {"batch_size": 8, "precision": "fp32", "log_every": 64, "validate_every": 100000}
    values["snapshot_minutes"], values["shard_size"] = minutes / 20, "20KB"
    values["stages"] = [
        {"share": stage["share"], "run": stage["run"] | {"batch_size": 8, "init": str(folder / "init")}}
        for stage in values["stages"]
    ]
    for stage in values["stages"]:
        if "data" in stage["run"]:
            stage["run"]["data"] |= here
        if "autoencoder" in stage["run"]:
            stage["run"]["autoencoder"] |= {"crops": [{"until": 1, "size": 64}]}
    return Recipe.model_validate(values)


@pytest.mark.slow
def test_the_whole_recipe_in_a_small_part_of_its_time(
    tmp_path: Path, phantom_folder: Path, random_model: Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots: list[str] = []
    save = recipe_module._write

    def counted(components: Components, recipe: Recipe) -> None:
        save(components, recipe)
        assert Components.load(recipe.output / "model").config == components.config  # usable at any time
        snapshots.append(model_identity(components))

    monkeypatch.setattr(recipe_module, "_write", counted)
    recipe = rehearsal(tmp_path, phantom_folder, random_model, minutes=0.6)
    console = silent()
    assert run_recipe(recipe, console=console)
    assert len(set(snapshots)) >= 2
    model = Components.load(tmp_path / "out" / "model")
    assert model.config.control.label_channels
    shards = list((tmp_path / "out" / "model" / "unet").glob("*.safetensors"))
    assert len(shards) > 1
    assert max(path.stat().st_size for path in shards) < 60_000
    for run in recipe.runs():
        assert (run.output / "summary.json").exists()
        assert any("validation/loss" in line for line in log_lines(run.output))
    state = json.loads((tmp_path / "out" / "recipe.json").read_text())
    assert state["finished"] == 4
    assert "a second while training" in console.file.getvalue()
    before = weights(model.controlnet)
    assert run_recipe(recipe, console=silent())  # nothing is left to do
    assert same_weights(weights(Components.load(tmp_path / "out" / "model").controlnet), before)


def test_sharded_weights_read_back_equal(tmp_path: Path, random_model: Components) -> None:
    random_model.save(tmp_path / "whole")
    random_model.save(tmp_path / "parts", shard_size="20KB")
    assert len(list((tmp_path / "parts" / "unet").glob("*.safetensors"))) > 1
    first, second = Components.load(tmp_path / "whole"), Components.load(tmp_path / "parts")
    for name, network in first.networks().items():
        assert same_weights(weights(network), weights(getattr(second, name))), name
    assert torch.equal(first.unet.conv_in.weight, random_model.unet.conv_in.weight)
