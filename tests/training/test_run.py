from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from training_helpers import log_lines, same_weights, silent, weights

from fetalflex.anatomy import default_registry
from fetalflex.compute.device import choose_device
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError
from fetalflex.files import claim
from fetalflex.models.components import Components, model_identity
from fetalflex.training.config import DataConfig, RunConfig
from fetalflex.training.images import select_samples
from fetalflex.training.run import data_fingerprint, train
from fetalflex.training.run_folder import RUN
from phantoms import write_phantoms


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory, shared_model: Components) -> Path:
    """A model folder to start later stages from."""
    return shared_model.save(tmp_path_factory.mktemp("init") / "model")


def run_config(output: Path, folder: Path, **changes: Any) -> RunConfig:
    """Return a run of the autoencoder stage that takes about a second."""
    values: dict[str, Any] = {
        "stage": "autoencoder",
        "output": output,
        "data": {"paths": [folder]},
        "model": "tiny",
        "images": 48,
        "batch_size": 8,
        "warmup_images": 8,
        "checkpoint_every": 16,
        "validate_every": 1000,
        "log_every": 8,
        "device": "cpu",
        "augmentation": {"variants": 2},
        "autoencoder": {"crops": [{"until": 1, "size": 32}]},
    }
    return RunConfig.model_validate(values | changes)


def test_a_run_leaves_its_config_versions_and_fingerprint(tmp_path: Path, phantom_folder: Path) -> None:
    config = run_config(tmp_path / "run", phantom_folder)
    console = silent()
    assert train(config, console=console)
    record = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    assert RunConfig.model_validate(record["config"]) == config
    assert record["versions"].keys() == {"python", "fetalflex", "torch", "diffusers", "transformers", "numpy"}
    assert len(record["data_fingerprint"]) == 16
    assert (
        "autoencoder: 36 training and 12 validation images, 72 and 24 views of them, on cpu" in console.file.getvalue()
    )
    model = Components.load(tmp_path / "run" / "model")
    assert model.config.name == "tiny"
    assert model.planes == default_registry().to_yaml()


@pytest.mark.parametrize("stage", ["denoiser", "control"])
def test_later_stages_start_from_a_model_folder(tmp_path: Path, phantom_folder: Path, init: Path, stage: str) -> None:
    assert train(run_config(tmp_path / "run", phantom_folder, stage=stage, init=init, images=16), console=silent())
    assert list((tmp_path / "run" / "latents").glob("*.safetensors"))
    first, second = Components.load(init), Components.load(tmp_path / "run" / "model")
    changed = {"denoiser": {"unet", "text_encoder"}, "control": {"controlnet", "prealignment"}}[stage]
    for name, network in first.networks().items():
        assert same_weights(weights(network), weights(getattr(second, name))) == (name not in changed), name
    assert any("validation/loss" in line for line in log_lines(tmp_path / "run"))


def test_the_control_stage_gives_each_structure_a_channel_and_a_colour(
    tmp_path: Path, phantom_folder: Path, init: Path
) -> None:
    registry = default_registry()
    config = run_config(tmp_path / "first", phantom_folder, stage="control", init=init, images=8)
    assert train(config, console=silent())
    first = Components.load(tmp_path / "first" / "model").config.control
    assert set(first.label_channels) == set(first.colours)
    order = [structure.name for structure in registry.structures]
    assert list(first.label_channels) == sorted(first.label_channels, key=order.index)
    # What goes on from there keeps the channels; what starts anew as in the paper has none.
    later = {"stage": "control", "init": tmp_path / "first" / "model", "images": 8}
    assert train(run_config(tmp_path / "second", phantom_folder, **later), console=silent())
    assert Components.load(tmp_path / "second" / "model").config.control == first
    paper = {"label_channels": False, "palette": "registry", "start_anew": True}
    assert train(run_config(tmp_path / "third", phantom_folder, **later, control=paper), console=silent())
    third = Components.load(tmp_path / "third" / "model")
    assert third.config.control.label_channels == ()
    assert third.config.control.colours == {}
    assert third.controlnet.config.conditioning_channels == 8


def test_a_run_can_be_moved_and_given_more_time(tmp_path: Path, phantom_folder: Path) -> None:
    train(run_config(tmp_path / "a", phantom_folder, images=16), console=silent())
    (tmp_path / "a").rename(tmp_path / "b")
    changed = run_config(tmp_path / "b", phantom_folder, images=16, max_minutes=5, checkpoint_every=8)
    assert train(changed, console=silent())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.5}, r"learning_rate was 0\.0003, now 0\.5"),
        ({"seed": 3, "images": 96}, r"images was 8, now 96; seed was 0, now 3"),
        ({"images": 96}, r"images was 8, now 96\): .* takes no more images; to train its model further"),
        ({"autoencoder": {"crops": [{"until": 1, "size": 64}]}}, r"autoencoder was .*'size': 32.*now .*'size': 64"),
    ],
)
def test_another_run_in_the_same_folder_is_refused(
    tmp_path: Path, phantom_folder: Path, changes: dict[str, Any], message: str
) -> None:
    train(run_config(tmp_path, phantom_folder, images=8), console=silent())
    with pytest.raises(FetalFlexError, match=rf"{tmp_path}: holds another run .*{message}.*choose another output"):
        train(run_config(tmp_path, phantom_folder, **{"images": 8} | changes), console=silent())


def test_other_data_under_the_same_path_are_refused(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "data", 16)
    train(run_config(tmp_path / "run", tmp_path / "data", images=8), console=silent())
    (tmp_path / "data").rename(tmp_path / "old")
    write_phantoms(tmp_path / "data", 16, seed=1)
    with pytest.raises(FetalFlexError, match=r"the training data were [0-9a-f]{16}, now [0-9a-f]{16}"):
        train(run_config(tmp_path / "run", tmp_path / "data", images=8), console=silent())


def test_another_initial_model_under_the_same_path_is_refused(
    tmp_path: Path, phantom_folder: Path, random_model: Components
) -> None:
    config = run_config(tmp_path / "run", phantom_folder, stage="denoiser", init=tmp_path / "init", images=8)
    random_model.save(tmp_path / "init")
    before = model_identity(random_model)
    train(config, console=silent())
    with torch.no_grad():
        random_model.vae.encoder.conv_in.weight.add_(1)
    random_model.save(tmp_path / "init")
    with pytest.raises(FetalFlexError, match=f"the initial model was {before}, now {model_identity(random_model)}"):
        train(config, console=silent())


def test_settings_that_a_record_does_not_know_yet_have_their_defaults(tmp_path: Path, phantom_folder: Path) -> None:
    config = run_config(tmp_path, phantom_folder, images=8)
    train(config, console=silent())
    record = yaml.safe_load((tmp_path / "run.yaml").read_text())
    del record["config"]["control"]["start_anew"], record["config"]["weight_decay"]
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(record))
    assert train(config, console=silent())


@pytest.mark.parametrize("text", ["", "[1", "config: 3\ndata_fingerprint: x\n", "config: {}\n"])
def test_a_damaged_record_of_the_run_is_named(tmp_path: Path, phantom_folder: Path, text: str) -> None:
    claim(tmp_path, RUN)
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(FetalFlexError, match=r"run\.yaml: cannot be read; remove the folder or choose another output"):
        train(run_config(tmp_path, phantom_folder), console=silent())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "huge"}, "model preset 'huge' is unknown"),
        ({"stage": "denoiser", "init": "nowhere"}, "nowhere: not a FetalFlex model folder"),
        ({"device": "abacus"}, "device 'abacus' cannot be used here; choose auto, cpu or cuda"),
        ({"data": {"paths": ["nowhere"]}}, "nowhere is no data set"),
        ({"autoencoder": {"crops": [{"until": 1, "size": 128}]}}, r"autoencoder\.crops: size 128"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_a_clear_message(
    tmp_path: Path, phantom_folder: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(FetalFlexError, match=message):
        train(run_config(tmp_path / "run", phantom_folder, **changes), console=silent())
    assert not (tmp_path / "run").exists()


def test_a_data_set_without_validation_images_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    write_phantoms(tmp_path / "data", 4, val_share=0)
    with pytest.raises(FetalFlexError, match=r"no image .*split 'val'"):
        train(run_config(tmp_path / "run", tmp_path / "data"), console=silent())
    assert not (tmp_path / "run").exists()


def test_the_fingerprint_depends_on_names_layouts_and_order(phantom_folder: Path) -> None:
    samples = select_samples(DataConfig(paths=(phantom_folder,)), "train", default_registry())
    before = data_fingerprint(samples)
    assert before == data_fingerprint(select_samples(DataConfig(paths=(phantom_folder,)), "train", default_registry()))
    assert before != data_fingerprint(samples[::-1])
    assert before != data_fingerprint(samples[:-1])


def test_devices_are_chosen_by_name() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda"}
    with pytest.raises(FetalFlexError, match="device 'abacus' cannot be used here"):
        choose_device("abacus")


TRAIN = """
import sys, torch
torch.set_num_threads(1)
from fetalflex.training.config import load_run_config
from fetalflex.training.run import train
sys.exit(0 if train(load_run_config(sys.argv[1])) else 3)
"""


def start(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", TRAIN, str(config)], stderr=subprocess.PIPE, start_new_session=True)


def write_run(folder: Path, name: str, data: Path) -> Path:
    config = run_config(folder / name, data, images=960, checkpoint_every=64, log_every=16, validate_every=320)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
    return path


def wait_for(process: subprocess.Popen[bytes], reached: Any) -> bool:
    """Wait until something is reached; say whether the process still runs."""
    deadline = time.monotonic() + 240
    while process.poll() is None and not reached():
        assert time.monotonic() < deadline
        time.sleep(0.002)
    return process.poll() is None


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_as_one_that_was_not(tmp_path: Path, phantom_folder: Path) -> None:
    whole, killed = (write_run(tmp_path, name, phantom_folder) for name in ("whole", "killed"))
    uninterrupted = start(whole)
    checkpoints, rng = tmp_path / "killed" / "checkpoints", random.Random(0)

    def newest() -> str:
        return max((path.name for path in checkpoints.glob("images-*")), default="")

    for moment in ("after a while", "while saving", "after a while"):
        process, before = start(killed), newest()
        running = wait_for(process, lambda before=before: newest() > before)
        if running and moment == "while saving":
            running = wait_for(process, lambda: any(checkpoints.glob(".*.partial")))
        elif running:
            time.sleep(rng.uniform(0, 0.5))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        assert running, f"the run ended before it could be killed {moment}"
    last = start(killed)
    assert last.communicate()[1].decode().count("resuming at") == 1
    assert last.returncode == 0
    assert uninterrupted.wait(240) == 0
    uninterrupted.communicate()

    first, second = (Components.load(tmp_path / name / "model") for name in ("whole", "killed"))
    for name, network in first.networks().items():
        assert same_weights(weights(network), weights(getattr(second, name))), name
    assert model_identity(first) == model_identity(second)
    assert first.tokenizer.get_vocab() == second.tokenizer.get_vocab()
    for kind in ("loss", "validation/psnr"):
        first_log, second_log = (log_lines(tmp_path / name) for name in ("whole", "killed"))
        places = [line["images"] for line in second_log if kind in line]
        assert places == [line["images"] for line in first_log if kind in line] == sorted(set(places))
    assert not any(checkpoints.glob(".*"))


@pytest.mark.slow
def test_sigterm_saves_and_reports_an_incomplete_run(tmp_path: Path, phantom_folder: Path) -> None:
    config = write_run(tmp_path, "run", phantom_folder)
    process = start(config)
    assert wait_for(process, lambda: (tmp_path / "run" / "checkpoints").exists())
    process.terminate()
    assert "the same command continues from there" in process.communicate(timeout=120)[1].decode()
    assert process.returncode == 3
    assert not (tmp_path / "run" / "model").exists()
    newest = max((tmp_path / "run" / "checkpoints").glob("images-*"))
    assert 0 < json.loads((newest / "state.json").read_text())["progress"]["images"] < 960


def test_the_data_folder_of_the_tests_is_what_it_says(phantom_folder: Path) -> None:
    splits = [record.split for record in DatasetFolder(phantom_folder)]
    assert (splits.count("train"), splits.count("val")) == (36, 12)
