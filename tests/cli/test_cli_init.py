from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from cli_helpers import LAYOUT, RunCommand

from fetalflex.data import DatasetFolder, Record
from fetalflex.models.sources import STABLE_DIFFUSION, ModelSources
from published_parts import SMALL, Published, into_hub_cache, write_published


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Published parts; not to be changed."""
    return write_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(autouse=True)
def small_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The preset sd15 in miniature."""
    monkeypatch.setattr("fetalflex.models.configs.get_preset", lambda _: SMALL)


def options(published: Published, **changes: Any) -> list[object]:
    """Return the options that name all parts."""
    sources = published.sources.model_dump() | changes
    given = {name: value for name, value in sources.items() if value is not None}
    return [part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value)]


def write_data(folder: Path) -> None:
    rng = np.random.default_rng(2)
    records = [Record(f"{number}.png", LAYOUT, split="val" if number == 0 else "train") for number in range(3)]
    shape = (LAYOUT.height, LAYOUT.width)
    DatasetFolder.write(folder, [(record, rng.integers(0, 255, shape, dtype=np.uint8)) for record in records])


def test_published_parts_become_a_model_folder(run: RunCommand, workplace: Path, published: Published) -> None:
    made = json.loads(run("init", "published", *options(published), "--json").stdout)
    assert made["identity"].startswith("sd15-")
    assert made["image_size"] == 64
    assert made["origins"]["unet"] == str(published.pipeline / "unet" / "diffusion_pytorch_model.safetensors")
    assert made["warnings"] == []
    assert made["identity"] in run("info", "published").stdout


@pytest.mark.slow
def test_the_model_folder_is_trained_by_the_recipe_and_draws(
    run: RunCommand, workplace: Path, published: Published
) -> None:
    run("init", "published", *options(published))
    write_data(Path("data"))
    recipe = yaml.safe_load((Path(__file__).parents[2] / "configs" / "sd15" / "control.yaml").read_text())
    recipe |= {"init": "published", "output": "run", "data": {"paths": ["data"]}, "augmentation": {"variants": 1}}
    recipe |= {"images": 4, "batch_size": 2, "accumulation": 2, "warmup_images": 0, "device": "cpu"}
    Path("run.yaml").write_text(yaml.safe_dump(recipe))
    run("train", "control", "--config", "run.yaml")
    run("generate", "scan.layout.json", "--image", "scan.png", "--model", "run/model", "--steps", 2, "--out", "out")
    assert list(Path("out").glob("*.png"))


def test_the_files_that_were_read_are_shown_and_warnings_told(
    run: RunCommand, workplace: Path, published: Published
) -> None:
    result = run("init", "model", *options(published, controlnet=None), "--from-unet", "--image-size", 128)
    assert str(published.folder / "bert" / "model.safetensors") in result.stdout
    assert "controlnet" not in result.stdout
    assert "wrote model: sd15-" in result.stdout
    assert "128 px" in result.stdout
    assert "warning: unet: it was trained at 64 px" in result.stderr


def test_only_a_model_is_replaced_and_only_if_asked_for(
    run: RunCommand, workplace: Path, published: Published, tiny_model: Path
) -> None:
    Path("notes").mkdir()
    Path("notes/keep.txt").write_text("mine")
    refused = run("init", "notes", "--force", *options(published), code=2).stderr
    assert refused.startswith("error: notes is already there and is not a model that FetalFlex wrote, so it is not")
    refused = run("init", "scan.png", "--force", *options(published), code=2).stderr
    assert refused == "error: scan.png is a file; give a folder to write to\n"
    refused = run("init", tiny_model, *options(published), code=2).stderr
    assert refused.startswith(f"error: {tiny_model} is already there and not empty; ")
    assert Path("notes/keep.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--controlnet", "a/b", "--from-unet"],
            "--controlnet and --from-unet both say what the ControlNet starts from",
        ),
        (["--unet", "model.ckpt"], "unet: model.ckpt is a pickle, which can run code when it is opened"),
        (["--vae", ""], "vae: its source is empty"),
        (["--preset", "mini"], "'mini' is not one of 'sd15'"),
        (["--registry", "missing.yaml"], "missing.yaml"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    run: RunCommand, workplace: Path, published: Published, arguments: list[str], message: str
) -> None:
    refused = run("init", "model", *options(published), *arguments, code=2).stderr.splitlines()[-1]
    assert message in refused
    assert not Path("model").exists()


@pytest.mark.slow
def test_the_hub_cache_is_the_one_that_the_environment_names(published: Published, tmp_path: Path) -> None:
    """In a process of its own: the hub's library reads HF_HOME when it is imported, and nothing may be fetched."""
    names = {STABLE_DIFFUSION: published.pipeline, str(ModelSources().controlnet): published.folder / "controlnet"}
    for name, folder in names.items():
        into_hub_cache(tmp_path / "hf" / "hub", name, folder)
    surroundings = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HTTPS_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "fetalflex", "init", "model", "--text-encoder"]

    def init(text_encoder: str) -> subprocess.CompletedProcess[str]:
        call = [*command, text_encoder]
        return subprocess.run(call, cwd=tmp_path, env=surroundings, capture_output=True, text=True, check=False)

    missing = init(ModelSources().text_encoder)
    assert missing.returncode == 2
    folder = tmp_path / "hf" / "hub" / "models--microsoft--BiomedNLP-BiomedBERT-base-uncased-abstract"
    assert f"sought in {folder}" in missing.stderr
    assert f"hf download {ModelSources().text_encoder} config.json model.safetensors" in missing.stderr
    assert STABLE_DIFFUSION not in missing.stderr
    made = init(str(published.folder / "bert"))
    assert made.returncode == 0, made.stderr
    assert str(tmp_path / "hf" / "hub") in made.stdout
