from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from training_helpers import run_config

from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER, claim, kind_at
from fetalflex.files.owner import Owner
from fetalflex.training.recipe import Recipe, run_recipe
from fetalflex.training.run import train
from fetalflex.training.run_folder import RECIPE, RUN, recipe_folder, run_folder
from other_processes import held_elsewhere, leave_file, leave_folder, names


def save(path: Path, text: str = "years of work") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "name", ["model/thesis.tex", "log.jsonl", "summary.json", "checkpoints/images-9/a", "notes.txt"]
)
def test_a_folder_of_something_else_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    path = save(tmp_path / "userproj" / name)
    with pytest.raises(FetalFlexError, match=r"userproj is not empty \(.*\) and is not a training run"):
        train(run_config(tmp_path / "userproj"))
    assert path.read_text() == "years of work"
    assert names(tmp_path) == ["userproj"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("model/thesis.tex", "model is already there and is not a model that FetalFlex wrote"),
        ("checkpoints/images-0000000009/thesis.tex", "images-0000000009 is not a checkpoint that FetalFlex wrote"),
        ("checkpoints/images-of-holidays/1.jpg", "images-of-holidays is not a checkpoint"),
    ],
)
def test_nor_is_it_replaced_within_a_run(tmp_path: Path, name: str, message: str) -> None:
    claim_run(tmp_path / "run")
    path = save(tmp_path / "run" / name)
    with pytest.raises(FetalFlexError, match=message):
        train(run_config(tmp_path / "run"))
    assert path.read_text() == "years of work"


def claim_run(folder: Path) -> None:
    folder.mkdir()
    claim(folder, RUN)


def test_a_file_beside_those_of_a_run_disturbs_nobody(tmp_path: Path) -> None:
    claim_run(tmp_path / "run")
    save(tmp_path / "run" / "notes.txt")
    with run_folder(tmp_path / "run", is_detector=False):
        pass
    assert names(tmp_path / "run") == [MARKER, "notes.txt"]


def test_a_claim_on_a_folder_into_which_nothing_came_is_given_up(tmp_path: Path) -> None:
    def fail() -> None:
        with run_folder(tmp_path / "run", is_detector=False):
            claim(tmp_path / "run", RUN)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == []


def test_a_run_of_before_there_were_markers_goes_on(tmp_path: Path) -> None:
    record = {"config": {}, "data_fingerprint": "0", "initial_model": "tiny", "processes": 1, "versions": {}}
    save(tmp_path / "run" / "run.yaml", yaml.safe_dump(record))
    for name in ("networks.safetensors", "average.safetensors", "optimizer.safetensors", "state.json"):
        save(tmp_path / "run" / "checkpoints" / "images-0000000016" / name)
    with run_folder(tmp_path / "run", is_detector=False):
        claim(tmp_path / "run", RUN)
    assert kind_at(tmp_path / "run") == RUN.name
    save(tmp_path / "other" / "run.yaml", "steps: [build, test]")
    with pytest.raises(FetalFlexError, match="is not a training run"), run_folder(tmp_path / "other", False):
        pass


def test_what_a_killed_run_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    claim_run(tmp_path / "run")
    leave_file(tmp_path / "run")
    leave_folder(tmp_path / "run" / "checkpoints")
    living = leave_folder(tmp_path / "run", owner=Owner.this())
    with run_folder(tmp_path / "run", is_detector=False):
        pass
    assert names(tmp_path / "run") == [living.name, MARKER, "checkpoints"]
    assert names(tmp_path / "run" / "checkpoints") == []


def test_two_runs_in_one_folder_are_one_too_many(tmp_path: Path) -> None:
    def start() -> None:
        train(run_config(tmp_path / "run"))

    with held_elsewhere(tmp_path / "run") as other, pytest.raises(FetalFlexError, match=f"process {other.pid} "):
        start()
    assert not (tmp_path / "run").exists()


class TestRecipes:
    def recipe(self, output: Path) -> Recipe:
        run = {"stage": "autoencoder", "data": {"paths": ["none"]}, "model": "tiny", "batch_size": 4}
        return Recipe.model_validate({"output": output, "minutes": 1, "stages": [{"share": 1, "run": run}]})

    def test_their_folder_is_theirs_alone(self, tmp_path: Path) -> None:
        path = save(tmp_path / "out" / "model" / "thesis.tex")
        with pytest.raises(FetalFlexError, match="is not a training recipe's output"):
            run_recipe(self.recipe(tmp_path / "out"))
        (tmp_path / "out" / "recipe.json").write_text('{"finished": 0, "seconds": 1.5}\n')
        with pytest.raises(FetalFlexError, match="model is already there and is not a model"):
            run_recipe(self.recipe(tmp_path / "out"))
        assert path.read_text() == "years of work"

    def test_an_earlier_one_goes_on(self, tmp_path: Path) -> None:
        save(tmp_path / "out" / "recipe.json", '{"finished": 0, "seconds": 1.5}\n')
        with recipe_folder(tmp_path / "out"):
            assert kind_at(tmp_path / "out") == RECIPE.name

    def test_two_are_one_too_many(self, tmp_path: Path) -> None:
        with held_elsewhere(tmp_path / "out"), pytest.raises(FetalFlexError, match="out is in use by process"):
            run_recipe(self.recipe(tmp_path / "out"))
