"""Several stages in a row within one budget of time, everything counted."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from rich.console import Console

from fetalflex.anatomy import Registry
from fetalflex.checks import describe_error, finite_number, whole_number
from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonObject, read_json
from fetalflex.files.yaml_files import read_yaml
from fetalflex.models.components import Components
from fetalflex.models.flops import measure_cost
from fetalflex.training.config import AnyPath, RunConfig, StageName
from fetalflex.training.run import Schedule, train
from fetalflex.training.run_folder import MODEL_FOLDER, RECIPE_STATE, recipe_folder
from fetalflex.training.stage import Stage

_FOR_WRITING = 15.0  # seconds that are left at the end for validation and the last model
_FORWARD_AND_BACKWARD = 3


class RecipeStage(BaseModel):
    """Describe one stage of a recipe.

    Args:
        share: Its share of the time that the stages have together, encoding of its images counted.
        run: The stage's run config, as in a file of its own, without `output`, `max_minutes` and, after the first,
            `init`; what all stages have in common may stand in the recipe's `common`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    share: float = Field(..., gt=0, le=1000)
    run: JsonObject


class Recipe(BaseModel):
    """Describe a recipe, one YAML file.

    Args:
        output: Folder of the recipe: one run folder per stage, and the model so far as `model`.
        minutes: Time budget of the whole command, from its start on.
        snapshot_minutes: Every so many minutes a usable model is written to `output/model`.
        shard_size: Largest file of weights in `output/model`.
        peak_tflops: What the device could do at best, in 10^12 operations a second; the summary then says which share
            of it was reached.
        common: Fields of the run config that all stages share.
        stages: In order; each starts from the model of the one before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    output: AnyPath
    minutes: float = Field(..., gt=0, le=1e7)
    snapshot_minutes: float = Field(1.0, gt=0, le=1e7)
    shard_size: str = Field("15MB", pattern=r"^[1-9][0-9]{0,5}(KB|MB|GB)$")
    peak_tflops: float | None = Field(None, gt=0, le=1e9)
    common: JsonObject = Field(default_factory=dict)
    stages: tuple[RecipeStage, ...] = Field(..., min_length=1, max_length=100)

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if any(config.stage == "detector" for config in self.runs()):
            raise ValueError("stages: a detector is no stage of a model; train it by a run of its own")
        return self

    def runs(self) -> list[RunConfig]:
        """Return the run of each stage, in order."""
        configs: list[RunConfig] = []
        for number, stage in enumerate(self.stages):
            values = {**self.common, **stage.run}
            values["output"] = self.output / f"{number + 1}-{values.get('stage', 'stage')}"
            if number:
                values["init"] = configs[-1].output / MODEL_FOLDER
            try:
                configs.append(RunConfig.model_validate({"images": 1_000_000_000, **values}))
            except ValidationError as error:
                raise ValueError(f"stages.{number}: {describe_error(error)}") from error
        return configs


@dataclass(frozen=True)
class StageSummary:
    """What a stage did: images shown, steps, seconds by the clock, images a second, and share of the peak."""

    stage: StageName
    images: int
    seconds: float
    images_per_second: float
    share_of_peak: float | None


def load_recipe(
    path: Path | str, minutes: float | None = None, output: Path | None = None, device: str | None = None
) -> Recipe:
    """Read and check a recipe.

    Args:
        path: YAML file.
        minutes: Replaces the file's.
        output: Replaces the file's.
        device: Replaces that of all stages.

    Raises:
        FetalFlexError: If the file is missing, not YAML, or a field is wrong; the message names the field.
    """
    path = Path(path)
    try:
        values = read_yaml(path, "recipe")
    except FetalFlexError as error:
        raise FetalFlexError(f"{path}: {error}") from error
    if not isinstance(values, dict):
        raise FetalFlexError(f"{path}: the recipe must be a mapping of fields, not {type(values).__name__}")
    values |= {name: value for name, value in {"minutes": minutes, "output": output}.items() if value is not None}
    if device is not None:
        common = values.get("common") or {}
        values["common"] = {**common, "device": device} if isinstance(common, dict) else common
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise FetalFlexError(f"{path}: {describe_error(error)}") from error


def run_recipe(recipe: Recipe, registry: Registry | None = None, console: Console | None = None) -> bool:
    """Train all stages, or go on where an earlier call was interrupted, with the time that is left of the budget.

    Whatever happens, `output/model` is the best model so far once the first snapshot has been written.

    Args:
        recipe: What to train.
        registry: As for `train`.
        console: As for `train`.

    Returns:
        True if all stages are complete.
    """
    with recipe_folder(recipe.output):
        return _run_stages(recipe, registry, console or Console())


def _run_stages(recipe: Recipe, registry: Registry | None, console: Console) -> bool:
    started = time.monotonic()
    state = _State.read(recipe.output)
    left = 60 * recipe.minutes - state.seconds
    summaries: list[StageSummary] = []
    for number, (stage, config) in enumerate(zip(recipe.stages, recipe.runs(), strict=True)):
        if number < state.finished:
            continue
        shares = sum(one.share for one in recipe.stages[number:])
        now = time.monotonic()
        rest = left - (now - started) - _FOR_WRITING * min(1.0, recipe.minutes / 10)
        deadline = now + max(rest, 0.0) * stage.share / shares

        def snapshot(trained: Stage[Any]) -> None:
            _write(trained.components, recipe)
            state.spent(time.monotonic() - started)

        schedule = Schedule(deadline, snapshot, 60 * recipe.snapshot_minutes)
        if not train(config, registry, console, schedule=schedule):
            state.spent(time.monotonic() - started)
            return False
        components = Components.load(config.output / MODEL_FOLDER)
        _write(components, recipe)
        summaries.append(_summary(config, components, time.monotonic() - now, recipe.peak_tflops))
        state.complete(number + 1, time.monotonic() - started)
        console.print(_told(summaries[-1]))
    return True


def _write(components: Components, recipe: Recipe) -> None:
    components.save(recipe.output / MODEL_FOLDER, half=True, shard_size=recipe.shard_size)


def _summary(config: RunConfig, components: Components, seconds: float, peak_tflops: float | None) -> StageSummary:
    done = json.loads((config.output / "summary.json").read_text(encoding="utf-8"))
    images, training_seconds = done["images"], max(60 * done["minutes"], 1e-9)
    rate, share = images / training_seconds, None
    if peak_tflops is not None and config.stage != "autoencoder":
        cost = measure_cost(components)
        # A denoiser that is frozen in the control stage has gradients through its decoder: about two passes.
        learns = config.stage == "denoiser" or config.control.unet_rate > 0
        flops = cost.unet.flops * (_FORWARD_AND_BACKWARD if learns else 2)
        flops += cost.controlnet.flops * (_FORWARD_AND_BACKWARD if config.stage == "control" else 0)
        share = rate * flops / (peak_tflops * 1e12)
    return StageSummary(config.stage, images, seconds, rate, share)


def _told(summary: StageSummary) -> str:
    peak = "" if summary.share_of_peak is None else f", {summary.share_of_peak:.1%} of the device's peak"
    return (
        f"{summary.stage}: {summary.images} images in {summary.seconds / 60:.1f} min by the clock, "
        f"{summary.images_per_second:.0f} a second while training{peak}"
    )


class _State:
    """Remember on disk which stages are finished and how much time was spent."""

    def __init__(self, path: Path, finished: int, seconds: float) -> None:
        self.path, self.finished, self.seconds = path, finished, seconds
        self._before = seconds

    @classmethod
    def read(cls, folder: Path) -> _State:
        path = folder / RECIPE_STATE
        if not path.exists():
            return cls(path, 0, 0.0)
        try:
            values = read_json(path)
            finished = whole_number(values["finished"], "finished", 0, 100)
            return cls(path, finished, finite_number(values["seconds"], "seconds"))
        except (FetalFlexError, KeyError, TypeError) as error:
            raise FetalFlexError(f"{path}: cannot be read; remove the folder or choose another output") from error

    def spent(self, seconds: float) -> None:
        self._write(self.finished, seconds)

    def complete(self, finished: int, seconds: float) -> None:
        self._write(finished, seconds)

    def _write(self, finished: int, seconds: float) -> None:
        self.finished, self.seconds = finished, self._before + seconds
        values = {"finished": self.finished, "seconds": round(self.seconds, 1)}
        write_text(self.path, json.dumps(values) + "\n")
