"""`fetalflex train`: one training stage, described by one YAML file."""

from __future__ import annotations

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli.exit_codes import ExitCode
from fetalflex.cli.options import RegistryFile
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.anatomy import Registry
    from fetalflex.training.config import RunConfig
    from fetalflex.training.estimate import TrainingCost


class Stage(StrEnum):
    """The stages of a model, in the order of training; the detector, which is a model of its own; a recipe."""

    AUTOENCODER = "autoencoder"
    DENOISER = "denoiser"
    CONTROL = "control"
    DETECTOR = "detector"
    RECIPE = "recipe"


def train(
    stage: Annotated[
        Stage,
        typer.Argument(
            help="What to train; each stage of a model starts from the one before. A recipe is several stages in a row "
            "within one time budget."
        ),
    ],
    config: Annotated[
        Path, typer.Option("--config", metavar="RUN.yaml", help="YAML file that describes the run, or the recipe.")
    ],
    max_minutes: Annotated[
        float | None,
        typer.Option(
            "--max-minutes",
            min=0.001,
            max=10_000_000,
            help="Time budget in place of the file's; the run is complete when it is used up.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", help="Run folder in place of the file's.", show_default=False)
    ] = None,
    device: Annotated[
        str | None, typer.Option("--device", help="auto, cpu or cuda in place of the file's.", show_default=False)
    ] = None,
    registry_file: RegistryFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Take a few steps, estimate time, memory and disk, and write nothing.")
    ] = False,
) -> None:
    """Train one stage of a model, or a detector, or resume it.

    The same command resumes: checkpoints lie in the run folder, and so does the finished model, as model/. Ctrl-C
    finishes the step, saves a checkpoint and leaves with exit code 130. Several GPUs share the work under
    `accelerate launch --multi_gpu -m fetalflex train ...`.
    """
    if stage is Stage.RECIPE:
        _train_recipe(config, max_minutes, output, device, registry_file, dry_run)
        return
    from fetalflex.compute.processes import joined

    overrides = {"stage": stage.value, "max_minutes": max_minutes, "output": output, "device": device}
    with joined() as processes:
        run, registry = _read_run(config, overrides, registry_file)
        if dry_run:
            from fetalflex.training.estimate import estimate_run

            estimate = estimate_run(run, registry, processes=processes)
            if processes.main:
                typer.echo(_described(estimate))
            return

        from fetalflex.training.run import train as train_run

        complete = train_run(run, registry, None, processes)
    if not complete:
        raise typer.Exit(ExitCode.INTERRUPTED)


def _train_recipe(
    config: Path,
    minutes: float | None,
    output: Path | None,
    device: str | None,
    registry_file: Path | None,
    dry_run: bool,
) -> None:
    from fetalflex.cli.inputs import load_registry
    from fetalflex.training.recipe import load_recipe, run_recipe

    if dry_run:
        raise FetalFlexError("--dry-run estimates single stages; give the stage and its own file")
    recipe = load_recipe(config, minutes, output, device)
    if not run_recipe(recipe, None if registry_file is None else load_registry(registry_file)):
        raise typer.Exit(ExitCode.INTERRUPTED)


def _read_run(config: Path, overrides: JsonObject, registry_file: Path | None) -> tuple[RunConfig, Registry | None]:
    """Return the run that a file and the options describe, and the planes and structures if they were given."""
    from fetalflex.cli.inputs import load_registry
    from fetalflex.training.config import load_run_config

    in_file = _stage_in_file(config)
    if in_file is not None and in_file != overrides["stage"]:
        raise FetalFlexError(
            f"{config} describes the stage {in_file}, not {overrides['stage']}; give the file of this stage"
        )
    registry = None if registry_file is None else load_registry(registry_file)
    return load_run_config(config, {name: value for name, value in overrides.items() if value is not None}), registry


def _described(estimate: TrainingCost) -> str:
    lines = {
        "training images": f"{estimate.training_images}",
        "images to show": f"{estimate.shown_images}, at {estimate.images_per_second:.1f} a second",
        "training": _duration(estimate.training_seconds) + ", validations and checkpoints on top",
        "encoding, once": _duration(estimate.encoding_seconds),
        "memory": f"about {estimate.memory_bytes / 1e9:.1f} GB",
        "disk": f"about {(estimate.cache_bytes + estimate.run_bytes) / 1e9:.2f} GB, "
        f"of which {estimate.cache_bytes / 1e9:.2f} GB latents",
        "trained weights": f"{estimate.trained_parameters / 1e6:.1f} million",
    }
    return "\n".join(f"{name:<16} {value}" for name, value in lines.items())


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.1f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"


def _stage_in_file(path: Path) -> object:
    """Return the stage named in a run file; None if it has none or cannot be read, which `load_run_config` reports."""
    from fetalflex.files.yaml_files import read_yaml

    with contextlib.suppress(FetalFlexError):
        values = read_yaml(path, "run config")
        return values.get("stage") if isinstance(values, dict) else None
    return None
