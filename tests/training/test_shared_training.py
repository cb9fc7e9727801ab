from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from training_helpers import (
    AlignmentStage,
    cached_latents,
    encoded_images,
    log_lines,
    run_config,
    same_weights,
    silent,
    weights,
)

from fetalflex.compute.processes import Processes
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.training.config import RunConfig
from fetalflex.training.run import train
from fetalflex.training.trainer import Trainer
from joined_threads import together


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    kept = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(kept)


def run(stage: AlignmentStage, config: RunConfig, processes: Processes | None = None) -> tuple[bool, Trainer]:
    trainer = Trainer(stage, config, silent(), processes=processes)
    return trainer.run(), trainer


def run_together(config: RunConfig, components: Components, count: int = 2, stage: Any = AlignmentStage) -> list[Any]:
    """Run, or resume, on several processes, each with its own copy of the components."""
    copies = [copy.deepcopy(components) for _ in range(count)]
    return together(lambda processes: run(stage(copies[processes.index], noise=0.1), config, processes), count)


def run_alone(config: RunConfig, components: Components) -> tuple[bool, Trainer]:
    return run(AlignmentStage(copy.deepcopy(components), noise=0.1), config)


def saved_weights(folder: Path) -> dict[str, Tensor]:
    return weights(Components.load(folder / "model").prealignment)


def assert_same_run(first: Path, second: Path) -> None:
    """Hold weights, log and validations of two runs against each other: equal up to a relative 1e-4."""
    ours, theirs = saved_weights(first), saved_weights(second)
    for name, tensor in ours.items():
        torch.testing.assert_close(theirs[name], tensor, rtol=1e-4, atol=1e-6)
    pairs = list(zip(log_lines(first), log_lines(second), strict=True))
    assert pairs
    for line, other in pairs:
        assert line.keys() == other.keys()
        assert all(other[name] == pytest.approx(line[name], rel=1e-4) for name in line if name != "seconds")


@pytest.mark.parametrize(("count", "accumulation"), [(2, 1), (3, 2)])
def test_several_processes_do_what_one_does_with_as_many_parts(
    tmp_path: Path, random_model: Components, count: int, accumulation: int
) -> None:
    changes = {"batch_size": 12, "log_every": 12, "images": 60}
    _, one = run_alone(run_config(tmp_path / "one", accumulation=count * accumulation, **changes), random_model)
    results = run_together(run_config(tmp_path / "all", accumulation=accumulation, **changes), random_model, count)
    assert [complete for complete, _ in results] == [True] * count
    assert_same_run(tmp_path / "one", tmp_path / "all")
    seen = [np.array(trainer.stage.seen).reshape(5, -1) for _, trainer in results]
    assert np.concatenate(seen, axis=1).flatten().tolist() == one.stage.seen


def test_all_processes_hold_the_same_weights_and_only_the_main_one_writes_and_shows(
    tmp_path: Path, random_model: Components
) -> None:
    results = run_together(run_config(tmp_path), random_model)
    trainers = [trainer for _, trainer in results]
    assert same_weights(*(weights(trainer.steps.networks) for trainer in trainers))
    assert all(torch.equal(a, b) for a, b in zip(*(trainer.steps.average.average for trainer in trainers), strict=True))
    assert [trainer.stage.finished for trainer in trainers] == [1, 0]
    assert trainers[0].console.file.getvalue().count("wrote") == 1
    assert trainers[1].console.quiet
    images = [line["images"] for line in log_lines(tmp_path)]
    assert images == sorted(images)
    assert len(list((tmp_path / "samples").iterdir())) == 2


class StoppedOnSecond(AlignmentStage):
    """Tells the trainer of the second process to stop after some of its images."""

    trainer: Trainer

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if self.trainer.processes.index == 1 and len(self.seen) == 12:
            self.trainer._stop = True
        return super().loss(indices, generator, done)


@pytest.mark.parametrize("count", [1, 4])
def test_a_stop_on_one_is_a_stop_on_all_and_any_number_of_processes_goes_on(
    tmp_path: Path, random_model: Components, count: int
) -> None:
    run_alone(run_config(tmp_path / "whole", accumulation=4, images=64), random_model)

    def stopped(processes: Processes) -> tuple[bool, Trainer]:
        stage = StoppedOnSecond(copy.deepcopy(random_model), noise=0.1)
        trainer = Trainer(stage, run_config(tmp_path / "run", accumulation=2, images=64), silent(), processes=processes)
        stage.trainer = trainer
        return trainer.run(), trainer

    results = together(stopped)
    assert [complete for complete, _ in results] == [False, False]
    assert [len(trainer.stage.seen) for _, trainer in results] == [16, 16]
    assert results[0][1].store.found()[0].name == "images-0000000032"
    assert "interrupted at 32 images" in results[0][1].console.file.getvalue()
    again = run_together(run_config(tmp_path / "run", accumulation=4 // count, images=64), random_model, count)
    assert "resuming at 32 images" in again[0][1].console.file.getvalue()
    assert all(complete and len(trainer.stage.seen) == 32 // count for complete, trainer in again)
    assert_same_run(tmp_path / "whole", tmp_path / "run")


def test_processes_that_find_different_checkpoints_are_told(tmp_path: Path, random_model: Components) -> None:
    run_alone(run_config(tmp_path / "0", images=48), random_model)
    copies = [copy.deepcopy(random_model) for _ in range(2)]

    def on_a_machine_of_its_own(processes: Processes) -> Any:
        config = run_config(tmp_path / str(processes.index), images=96)
        return run(AlignmentStage(copies[processes.index]), config, processes)

    for error in together(on_a_machine_of_its_own):
        assert isinstance(error, FetalFlexError)
        assert str(error).startswith("the newest checkpoint: not the same for all 2 processes; they need the same")


def test_the_main_process_measures_the_time_for_all(tmp_path: Path, random_model: Components) -> None:
    config = run_config(tmp_path, images=10**6, max_minutes=0.4 / 60, log_every=10**6, validate_every=10**6)
    results = run_together(config, random_model)
    assert [complete for complete, _ in results] == [True, True]
    first, second = (trainer.stage.seen for _, trainer in results)
    assert len(first) == len(second) > 0


class BrokenOnSecond(AlignmentStage):
    """Fails on the second process, whose share of a batch are its last samples."""

    def __init__(self, components: Components, noise: float, processes: Processes) -> None:
        super().__init__(components, noise=noise)
        self.broken = processes.index == 1

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if self.broken and len(self.seen) == 28:
            raise RuntimeError("bad data")
        return super().loss(indices, generator, done)


def test_an_error_on_one_ends_the_others_too(tmp_path: Path, random_model: Components) -> None:
    copies = [copy.deepcopy(random_model) for _ in range(2)]

    def broken(processes: Processes) -> Any:
        stage = BrokenOnSecond(copies[processes.index], 0.1, processes)
        return run(stage, run_config(tmp_path), processes)

    lost, error = together(broken)
    assert str(error) == "bad data"
    assert isinstance(lost, FetalFlexError)
    assert "the connection to another process is lost" in str(lost)
    assert [path.name for path in (tmp_path / "checkpoints").glob("images-*")] == ["images-0000000048"]


class PoisonedOnSecond(BrokenOnSecond):
    """Its loss becomes NaN on the second process."""

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, numbers = AlignmentStage.loss(self, indices, generator, done)
        return (loss * float("nan") if self.broken and len(self.seen) > 28 else loss), numbers


def test_a_loss_that_is_no_number_on_one_is_noticed_by_all(tmp_path: Path, random_model: Components) -> None:
    copies = [copy.deepcopy(random_model) for _ in range(2)]

    def poisoned(processes: Processes) -> Any:
        stage = PoisonedOnSecond(copies[processes.index], 0.1, processes)
        return run(stage, run_config(tmp_path), processes)

    for error in together(poisoned):
        assert isinstance(error, FloatingPointError)
        assert "the loss became nan by 64 images" in str(error)


def test_latents_are_computed_once_among_all_processes(
    tmp_path: Path, phantom_folder: Path, random_model: Components
) -> None:
    with encoded_images(random_model) as sizes:
        alone = cached_latents(phantom_folder, tmp_path / "one", random_model, "train", with_conditions=True)
    copies = [copy.deepcopy(random_model) for _ in range(2)]

    def shared(processes: Processes) -> Any:
        with encoded_images(copies[processes.index]) as sizes:
            latents = cached_latents(
                phantom_folder, tmp_path / "both", copies[processes.index], "train", True, processes
            )
        return latents, sum(sizes)

    results = together(shared)
    counts = [encoded for _, encoded in results]
    assert sum(counts) == sum(sizes)
    assert min(counts) > 0
    for latents, _ in results:
        assert latents.prompts == alone.prompts
        for name in ("image", "layout", "background", "roi_mask"):
            assert torch.equal(getattr(latents, name), getattr(alone, name))
    assert len(list((tmp_path / "both").iterdir())) == len(list((tmp_path / "one").iterdir()))


class ShrinkingStage(AlignmentStage):
    """Shows fewer images per step in the second half of the run."""

    def batch_size(self, configured: int, done: float) -> int:
        return configured if done < 0.5 else configured // 4


def test_batches_that_become_too_small_are_refused_before_the_first_step(
    tmp_path: Path, random_model: Components
) -> None:
    with pytest.raises(FetalFlexError, match=r"batch_size 8: some steps.* only 2 images, fewer than the 4 processes"):
        Trainer(ShrinkingStage(random_model), run_config(tmp_path), silent(), processes=Processes(0, 4))


def write_run(folder: Path, name: str, phantoms: Path, stage: str, **changes: Any) -> RunConfig:
    """Write the YAML file of a run of a few seconds."""
    values: dict[str, Any] = {
        "stage": stage,
        "output": str(folder / name),
        "data": {"paths": [str(phantoms)]},
        "model": "tiny",
        "images": 320,
        "batch_size": 8,
        "warmup_images": 80,
        "checkpoint_every": 64,
        "validate_every": 160,
        "log_every": 8,
        "device": "cpu",
        "augmentation": {"variants": 1},
        "autoencoder": {"crops": [{"until": 1, "size": 32}]},
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(values | changes))
    return RunConfig.model_validate(values | changes)


def launch(config: Path, stage: str, *options: str) -> subprocess.Popen[str]:
    """Start two processes by accelerate."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    command = [*launcher, "--main_process_port", "0", "-m", "fetalflex", "train", stage, "--config", str(config)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.Popen([*command, *options], env=environment, stderr=subprocess.PIPE, text=True)


def trained_processes(launcher: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(launcher.pid).children(recursive=True)
    return [child for child in children if "fetalflex" in child.cmdline()]


def wait_for_checkpoint(launcher: subprocess.Popen[str], folder: Path) -> None:
    deadline = time.monotonic() + 240
    while not list((folder / "checkpoints").glob("images-*")):
        assert launcher.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def assert_same_models(first: Path, second: Path) -> None:
    """Hold the models of two runs against each other: equal up to 1e-3 of the largest weight of each tensor."""
    ours, theirs = (Components.load(path / "model").networks() for path in (first, second))
    for name, network in ours.items():
        for key, tensor in weights(network).items():
            other = weights(theirs[name])[key]
            assert (other - tensor).abs().max() <= 1e-3 * tensor.abs().max().clamp_min(1e-3), (name, key)


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(line["images"], pytest.approx(line["loss"], rel=1e-3)) for line in log_lines(folder) if "loss" in line]


@pytest.fixture(scope="module")
def init(tmp_path_factory: pytest.TempPathFactory, shared_model: Components) -> Path:
    return shared_model.save(tmp_path_factory.mktemp("init") / "model")


@pytest.mark.slow
def test_accelerate_starts_two_that_do_what_one_does(tmp_path: Path, phantom_folder: Path, init: Path) -> None:
    one = write_run(tmp_path, "one", phantom_folder, "denoiser", init=str(init), accumulation=2)
    assert train(one, console=silent())
    write_run(tmp_path, "two", phantom_folder, "denoiser", init=str(init))
    process = launch(tmp_path / "two.yaml", "denoiser")
    told = process.communicate(timeout=240)[1]
    assert process.returncode == 0, told
    assert (
        told.count("2 processes share each batch of 8 images")
        == told.count("wrote ")
        == told.count("160 images, ")
        == 1
    )
    assert_same_models(tmp_path / "one", tmp_path / "two")
    assert losses(tmp_path / "one") == losses(tmp_path / "two")
    assert not list((tmp_path / "two").rglob("*.partial"))


@pytest.mark.slow
def test_both_stop_at_one_signal_and_one_process_continues(tmp_path: Path, phantom_folder: Path) -> None:
    assert train(write_run(tmp_path, "whole", phantom_folder, "autoencoder", accumulation=2), console=silent())
    write_run(tmp_path, "run", phantom_folder, "autoencoder")
    process = launch(tmp_path / "run.yaml", "autoencoder")
    wait_for_checkpoint(process, tmp_path / "run")
    process.send_signal(signal.SIGTERM)
    told = process.communicate(timeout=240)[1]
    assert told.count("the same command continues from there") == 1
    assert not (tmp_path / "run" / "model").exists()
    newest = max((tmp_path / "run" / "checkpoints").glob("images-*"))
    images = json.loads((newest / "state.json").read_text())["progress"]["images"]
    assert f"interrupted at {images} images" in told
    assert 0 < images < 320
    console = silent()
    assert train(write_run(tmp_path, "run", phantom_folder, "autoencoder", accumulation=2), console=console)
    assert f"resuming at {images} images" in console.file.getvalue()
    assert_same_models(tmp_path / "whole", tmp_path / "run")
    assert losses(tmp_path / "whole") == losses(tmp_path / "run")


@pytest.mark.slow
def test_one_that_is_killed_ends_both_and_two_continue(tmp_path: Path, phantom_folder: Path, init: Path) -> None:
    values = {"init": str(init), "data": {"paths": [str(phantom_folder)], "cache": str(tmp_path / "cache")}}
    assert train(write_run(tmp_path, "whole", phantom_folder, "control", accumulation=2, **values), console=silent())
    write_run(tmp_path, "run", phantom_folder, "control", **values)
    process = launch(tmp_path / "run.yaml", "control")
    wait_for_checkpoint(process, tmp_path / "run")
    _, second = sorted(trained_processes(process), key=lambda child: int(child.environ()["RANK"]))
    second.kill()
    told = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert told.count("error: the connection to another process is lost") <= 1
    assert not (tmp_path / "run" / "model").exists()
    again = launch(tmp_path / "run.yaml", "control")
    told = again.communicate(timeout=240)[1]
    assert again.returncode == 0, told
    assert told.count("resuming at") == 1
    assert_same_models(tmp_path / "whole", tmp_path / "run")
    assert losses(tmp_path / "whole") == losses(tmp_path / "run")


@pytest.mark.slow
def test_what_cannot_be_trained_is_told_once(tmp_path: Path, phantom_folder: Path) -> None:
    write_run(tmp_path, "run", phantom_folder, "autoencoder", batch_size=9)
    process = launch(tmp_path / "run.yaml", "autoencoder")
    told = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert told.count("error: batch_size 9 cannot be divided among 2 processes") == told.count("error: ") == 1
    assert not (tmp_path / "run").exists()
