from __future__ import annotations

import copy
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from training_helpers import AlignmentStage, log_lines, run_config, same_weights, silent, weights

from fetalflex.models.components import Components
from fetalflex.training.config import RunConfig
from fetalflex.training.stage import Validation
from fetalflex.training.steps import learning_rate_at
from fetalflex.training.trainer import Trainer


def trained(config: RunConfig, components: Components, **options: Any) -> tuple[bool, AlignmentStage, Trainer]:
    """Run, or resume, with a copy of the components."""
    stage = AlignmentStage(copy.deepcopy(components), **options)
    trainer = Trainer(stage, config, silent())
    return trainer.run(), stage, trainer


def saved_weights(folder: Path) -> dict[str, Tensor]:
    return weights(Components.load(folder / "model").prealignment)


class StoppedStage(AlignmentStage):
    """Does something to the process before the step that starts at `stop_at` images seen."""

    def __init__(self, components: Components, stop_at: int, action: Any) -> None:
        super().__init__(components, noise=0.1)
        self.stop_at = stop_at
        self.action = action

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        if len(self.seen) == self.stop_at:
            self.action()
        return super().loss(indices, generator, done)


def _failing_after(loss: Callable[..., Any], images: int) -> Callable[..., Any]:
    seen = 0

    def failing(indices: NDArray[np.int64], *rest: Any) -> Any:
        nonlocal seen
        if seen >= images:
            crash()
        seen += len(indices)
        return loss(indices, *rest)

    return failing


def crash() -> None:
    raise RuntimeError("power cut")


def test_a_run_trains_logs_validates_and_writes_the_model(tmp_path: Path, random_model: Components) -> None:
    complete, stage, _ = trained(run_config(tmp_path), random_model)
    assert complete
    lines = log_lines(tmp_path)
    losses = [line["loss"] for line in lines if "loss" in line]
    assert losses[-1] < 0.4 * losses[0]
    assert [line["images"] for line in lines if "loss" in line] == list(range(16, 161, 16))
    assert [line["images"] for line in lines if "validation/loss" in line] == [80, 160]
    assert all("gradient_norm" in line and "learning_rate" in line for line in lines if "loss" in line)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["images"], summary["steps"]) == (160, 20)
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "images-0000000080.png", "images-0000000160.png",
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "checkpoints").iterdir() if path.is_dir()]
    assert stage.finished == 1


def test_every_epoch_shows_every_sample_once(tmp_path: Path, random_model: Components) -> None:
    _, stage, _ = trained(run_config(tmp_path), random_model)
    epochs = np.array(stage.seen).reshape(-1, stage.sample_count)
    assert (np.sort(epochs, axis=1) == np.arange(stage.sample_count)).all()


def test_the_model_holds_the_averaged_weights(tmp_path: Path, random_model: Components) -> None:
    trainer = trained(run_config(tmp_path), random_model)[2]
    model = Components.load(tmp_path / "model").prealignment
    for parameter, average, raw in zip(
        model.parameters(), trainer.steps.average.average, trainer.steps.parameters, strict=True
    ):
        assert torch.equal(parameter, average)
        assert not torch.equal(average, raw)


def test_the_parts_that_are_not_trained_stay_bit_for_bit(tmp_path: Path, random_model: Components) -> None:
    _, stage, _ = trained(run_config(tmp_path), random_model)
    for name, network in random_model.networks().items():
        assert same_weights(weights(network), weights(getattr(stage.components, name))) == (name != "prealignment")


def test_a_run_is_repeatable_by_its_seed(tmp_path: Path, random_model: Components) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        torch.manual_seed(ord(name))
        trained(run_config(tmp_path / name, seed=seed), random_model, noise=0.1)
    first, second, other = (saved_weights(tmp_path / name) for name in "abc")
    assert same_weights(first, second)
    assert not same_weights(first, other)


@pytest.mark.parametrize("stop_at", [8, 104])
def test_a_run_that_dies_at_any_step_ends_as_one_that_did_not(
    tmp_path: Path, random_model: Components, stop_at: int
) -> None:
    config = run_config(tmp_path / "whole")
    trained(config, random_model, noise=0.1)
    broken = run_config(tmp_path / "broken")
    with pytest.raises(RuntimeError, match="power cut"):
        Trainer(StoppedStage(copy.deepcopy(random_model), stop_at, crash), broken, silent()).run()
    assert not (tmp_path / "broken" / "model").exists()
    complete, stage, _ = trained(broken, random_model, noise=0.1)
    assert complete
    assert len(stage.seen) == 160 - stop_at // 48 * 48
    assert same_weights(saved_weights(tmp_path / "broken"), saved_weights(tmp_path / "whole"))
    images = [[line["images"] for line in log_lines(tmp_path / name) if "loss" in line] for name in ("broken", "whole")]
    assert images[0] == images[1]


class TwoRatesStage(AlignmentStage):
    """Trains the denoiser beside the pre-alignment, at a rate of its own."""

    def __init__(self, components: Components, rate: float) -> None:
        super().__init__(components, noise=0.1)
        self.rate = rate

    def networks(self) -> nn.ModuleDict:
        return nn.ModuleDict({"prealignment": self.components.prealignment, "unet": self.components.unet.conv_out})

    def learning_rates(self) -> dict[str, float]:
        return {"unet": self.rate}

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, numbers = super().loss(indices, generator, done)
        other = (self.components.unet.conv_out.bias - 1).square().mean()  # so gradients do not depend on the images
        return loss + other, numbers


def test_a_part_may_learn_at_a_share_of_the_rate(tmp_path: Path, random_model: Components) -> None:
    before = random_model.unet.conv_out.bias.detach().clone()
    moved = {}
    for rate in (1.0, 0.1):
        stage = TwoRatesStage(copy.deepcopy(random_model), rate)
        Trainer(stage, run_config(tmp_path / str(rate), images=8, warmup_images=0), silent()).run()
        moved[rate] = (stage.components.unet.conv_out.bias - before).detach()
    # Adam's first step is the learning rate whatever the gradient is; the weight decay is a share of it too.
    torch.testing.assert_close(moved[0.1], 0.1 * moved[1.0], rtol=1e-3, atol=0)


def test_a_run_of_two_rates_that_dies_ends_as_one_that_did_not(tmp_path: Path, random_model: Components) -> None:
    def run(name: str, images: int) -> dict[str, Tensor]:
        stage = TwoRatesStage(copy.deepcopy(random_model), 0.3)
        config = run_config(tmp_path / name, final_learning_rate=1, images=160)
        trainer = Trainer(stage, config, silent())
        if images < 160:
            stage.loss = _failing_after(stage.loss, images)  # type: ignore[method-assign]
            with pytest.raises(RuntimeError, match="power cut"):
                trainer.run()
            return {}
        assert trainer.run()
        return weights(stage.networks())

    whole = run("whole", 160)
    run("broken", 104)
    assert same_weights(run("broken", 160), whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_the_same_command_continues(
    tmp_path: Path, random_model: Components, number: signal.Signals
) -> None:
    handler = signal.getsignal(number)
    trained(run_config(tmp_path / "whole"), random_model, noise=0.1)
    config = run_config(tmp_path / "stopped")
    stage = StoppedStage(copy.deepcopy(random_model), 72, lambda: os.kill(os.getpid(), number))
    trainer = Trainer(stage, config, silent())
    assert trainer.run() is False
    assert signal.getsignal(number) == handler
    assert trainer.store.found()[0].name == "images-0000000080"
    assert "interrupted at 80 images; the same command continues" in trainer.console.file.getvalue()
    complete, stage, trainer = trained(config, random_model, noise=0.1)
    assert complete
    assert "resuming at 80 images" in trainer.console.file.getvalue()
    assert len(stage.seen) == 80
    assert same_weights(saved_weights(tmp_path / "stopped"), saved_weights(tmp_path / "whole"))


def test_a_signal_in_the_last_step_still_completes(tmp_path: Path, random_model: Components) -> None:
    stage = StoppedStage(copy.deepcopy(random_model), 152, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert Trainer(stage, run_config(tmp_path), silent()).run() is True


def test_a_complete_run_started_again_changes_nothing(tmp_path: Path, random_model: Components) -> None:
    config = run_config(tmp_path)
    trained(config, random_model)
    before, lines = saved_weights(tmp_path), log_lines(tmp_path)
    complete, stage, _ = trained(config, random_model)
    assert complete
    assert stage.seen == []
    assert same_weights(saved_weights(tmp_path), before)
    assert log_lines(tmp_path) == lines


def test_a_damaged_checkpoint_costs_only_the_way_from_the_one_before(tmp_path: Path, random_model: Components) -> None:
    trained(run_config(tmp_path / "whole"), random_model, noise=0.1)
    broken = run_config(tmp_path / "broken")
    with pytest.raises(RuntimeError, match="power cut"):
        Trainer(StoppedStage(copy.deepcopy(random_model), 120, crash), broken, silent()).run()
    newest = tmp_path / "broken" / "checkpoints" / "images-0000000096" / "networks.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    complete, stage, trainer = trained(broken, random_model, noise=0.1)
    assert complete
    assert "damaged checkpoint passed over" in trainer.console.file.getvalue()
    assert len(stage.seen) == 160 - 48
    assert same_weights(saved_weights(tmp_path / "broken"), saved_weights(tmp_path / "whole"))


@pytest.mark.parametrize("parts", [2, 8])
def test_accumulation_takes_the_same_steps_as_whole_batches(
    tmp_path: Path, random_model: Components, parts: int
) -> None:
    trained(run_config(tmp_path / "whole", images=40), random_model)
    trained(run_config(tmp_path / "parts", images=40, accumulation=parts), random_model)
    whole, accumulated = saved_weights(tmp_path / "whole"), saved_weights(tmp_path / "parts")
    for name, tensor in whole.items():
        torch.testing.assert_close(accumulated[name], tensor, rtol=1e-3, atol=1e-5)
    first, second = (log_lines(tmp_path / name)[0]["loss"] for name in ("whole", "parts"))
    assert first == pytest.approx(second, rel=1e-5)


class PoisonedStage(AlignmentStage):
    """Its loss becomes NaN after some images."""

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, numbers = super().loss(indices, generator, done)
        return (loss * float("nan") if len(self.seen) > 60 else loss), numbers


@pytest.mark.parametrize("log_every", [16, 1000])
def test_a_loss_that_is_no_number_stops_the_run_and_is_never_saved(
    tmp_path: Path, random_model: Components, log_every: int
) -> None:
    stage = PoisonedStage(copy.deepcopy(random_model))
    trainer = Trainer(stage, run_config(tmp_path, log_every=log_every), silent())
    with pytest.raises(FloatingPointError, match=r"the loss became nan by .* lower learning_rate.*images-0000000048"):
        trainer.run()
    assert [path.name for path in trainer.store.found()] == ["images-0000000048"]
    assert not (tmp_path / "model").exists()


class SlowStage(AlignmentStage):
    """Takes 20 ms per step."""

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        time.sleep(0.02)
        return super().loss(indices, generator, done)


def test_a_time_budget_ends_the_run_and_the_learning_rate_decays_over_it(
    tmp_path: Path, random_model: Components
) -> None:
    config = run_config(tmp_path, images=1_000_000, max_minutes=0.5 / 60, log_every=8, warmup_images=0)
    stage = SlowStage(copy.deepcopy(random_model))
    assert Trainer(stage, config, silent()).run()
    assert 8 <= len(stage.seen) <= 25 * 8
    rates = [line["learning_rate"] for line in log_lines(tmp_path) if "loss" in line]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < rates[0] or len(rates) == 1  # on a machine so slow that one step used the budget up


class WatchedStage(AlignmentStage):
    """Notes the state of its network at each validation."""

    def validate(self) -> Validation:
        network = self.components.prealignment
        self.validated = (network.training, weights(network), torch.is_grad_enabled())
        return Validation({"loss": 0.0})


def test_validation_sees_the_averaged_weights_and_training_goes_on_with_its_own(
    tmp_path: Path, random_model: Components
) -> None:
    stage = WatchedStage(copy.deepcopy(random_model))
    trainer = Trainer(stage, run_config(tmp_path, validate_every=1000), silent())
    trainer.run()
    training, seen, grad = stage.validated
    assert (training, grad) == (False, False)
    assert all(torch.equal(a, b) for a, b in zip(seen.values(), trainer.steps.average.average, strict=True))
    assert not (tmp_path / "samples").exists()


def test_the_learning_rate_warms_up_over_images_and_falls_along_a_cosine() -> None:
    config = run_config(Path("x"), learning_rate=2.0, warmup_images=100, final_learning_rate=0.1, images=1000)
    assert learning_rate_at(config, 0, 0.0) == 0
    assert learning_rate_at(config, 50, 0.0) == pytest.approx(1.0)
    assert learning_rate_at(config, 100, 0.0) == pytest.approx(2.0)
    assert learning_rate_at(config, 500, 0.5) == pytest.approx(2.0 * (0.1 + 0.9 * 0.5))
    assert learning_rate_at(config, 1000, 1.0) == pytest.approx(0.2)
    assert learning_rate_at(config, 5000, 1.5) == pytest.approx(0.2)
    falling = [learning_rate_at(config, 100 + i, i / 100) for i in range(101)]
    assert falling == sorted(falling, reverse=True)


def test_without_warm_up_the_first_step_is_at_full_rate() -> None:
    config = run_config(Path("x"), learning_rate=2.0, warmup_images=0)
    assert learning_rate_at(config, 8, 0.0) == 2.0


def test_bfloat16_trains_too_and_keeps_weights_in_single_precision(tmp_path: Path, random_model: Components) -> None:
    trainer = trained(run_config(tmp_path, precision="bf16"), random_model)[2]
    losses = [line["loss"] for line in log_lines(tmp_path) if "loss" in line]
    assert losses[-1] < 0.3 * losses[0]
    assert all(parameter.dtype == torch.float32 for parameter in trainer.steps.parameters)


class ScriptedStage(AlignmentStage):
    """Reports validation losses from a list instead of measuring them."""

    def __init__(self, components: Components, losses: list[float]) -> None:
        super().__init__(components)
        self.losses = losses
        self.kept: list[dict[str, Tensor]] = []

    def validate(self) -> Validation:
        self.kept.append(weights(self.components.prealignment))
        return Validation({"loss": self.losses[len(self.kept) - 1]})

    def concerns(self, numbers: dict[str, float], done: float) -> list[str]:
        return [f"look at [{numbers['loss']}]"] if done == 1 else []


def test_the_model_is_that_of_the_best_validation(tmp_path: Path, random_model: Components) -> None:
    stage = ScriptedStage(copy.deepcopy(random_model), [0.5, 0.2, 0.3, 0.201])
    trainer = Trainer(stage, run_config(tmp_path, validate_every=40), silent())
    assert trainer.run()
    assert same_weights(saved_weights(tmp_path), stage.kept[1])
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["best_images"], summary["best_loss"]) == (80, 0.2)
    told = trainer.console.file.getvalue()
    assert told.count("lies above its best, 0.2 at 80 images") == 1
    assert "warning: look at [0.201]" in told
    warnings = [line for line in log_lines(tmp_path) if "warning" in line]
    assert [line["images"] for line in warnings] == [120, 160]


def test_the_best_from_beyond_the_checkpoint_of_a_run_that_died_does_not_count(
    tmp_path: Path, random_model: Components
) -> None:
    config = run_config(tmp_path, validate_every=16, checkpoint_every=48)

    class Dying(ScriptedStage):
        def loss(self, indices: NDArray[np.int64], *rest: Any) -> tuple[Tensor, dict[str, Tensor]]:
            if len(self.kept) == 4:
                crash()
            return super().loss(indices, *rest)

        def validate(self) -> Validation:
            return ScriptedStage.validate(self)

    with pytest.raises(RuntimeError, match="power cut"):
        Trainer(Dying(copy.deepcopy(random_model), [0.5, 0.4, 0.3, 0.1]), config, silent()).run()
    stage = ScriptedStage(copy.deepcopy(random_model), [0.3, 0.2, 0.25, 0.4, 0.4, 0.4, 0.4])
    assert Trainer(stage, config, silent()).run()
    assert json.loads((tmp_path / "summary.json").read_text())["best_images"] == 80
    assert same_weights(saved_weights(tmp_path), stage.kept[1])


class GrowingStage(AlignmentStage):
    """Its loss grows with the images seen."""

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        loss, numbers = super().loss(indices, generator, done)
        return loss * 0 + 1.0 + len(self.seen) / 8, numbers


def test_a_loss_that_grows_to_several_times_its_start_stops_the_run(tmp_path: Path, random_model: Components) -> None:
    trainer = Trainer(GrowingStage(copy.deepcopy(random_model)), run_config(tmp_path), silent())
    with pytest.raises(FloatingPointError, match=r"the loss rose from .* lower learning_rate.*images-0000000096"):
        trainer.run()
    assert not (tmp_path / "model").exists()
