"""The ablation: the control branch trained anew several times, each time without one part of the method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from fetalflex.anatomy import Registry
from fetalflex.compute.device import choose_device
from fetalflex.data import Dataset
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.evaluate import EvaluationSettings, evaluate
from fetalflex.evaluation.report.contents import report_values
from fetalflex.evaluation.report.writing import write_report
from fetalflex.experiments.ablation_table import ablation_table
from fetalflex.files import FolderKind, claim, write_text
from fetalflex.files.json_files import JsonMapping, JsonObject, json_text
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.progress import Show
from fetalflex.training.config import RunConfig
from fetalflex.training.log import best_validation
from fetalflex.training.run import train
from fetalflex.training.run_folder import MODEL_FOLDER

TABLE = "ablation.md"
VALUES = "ablation.json"


@dataclass(frozen=True)
class AblationVariant:
    """Describe one row of the ablation's table.

    Args:
        name: Folder of the variant.
        title: For people.
        control: Settings of the control stage that differ from the whole method's.
        smoothing: Sample with anisotropic diffusion (SSA).
        trained_as: AblationVariant whose model is used, if it differs in sampling alone.
    """

    name: str
    title: str
    control: JsonMapping = field(default_factory=dict)
    smoothing: bool = False
    trained_as: str | None = None


def _is_ablation(folder: Path) -> set[str] | None:
    """Tell an ablation of before there were markers: it holds nothing but the variants and the table."""
    names = {path.name for path in folder.iterdir()}
    return set() if names <= {TABLE, VALUES, *(variant.name for variant in VARIANTS)} else None


ABLATION = FolderKind("ablation", written_before=_is_ablation)

_AS_IN_PAPER = {"label_channels": False, "palette": "registry"}

VARIANTS = (
    AblationVariant("whole-method", "whole method"),
    AblationVariant("no-prealignment", "without pre-alignment", {"prealignment": False}),
    AblationVariant("no-label-channels", "without label channels", {"label_channels": False}),
    AblationVariant("no-labels", "without label channels and palette, as in the paper", _AS_IN_PAPER),
    AblationVariant("no-dropout", "without condition dropout", {"layout_dropout": 0.0, "prompt_dropout": 0.0}),
    AblationVariant("no-ssim", "without SSIM in the loss", {"ssim_weight": 0.0}),
    AblationVariant("ssa", "whole method, sampled with SSA", smoothing=True, trained_as="whole-method"),
)


def run_ablation(
    config: RunConfig,
    datasets: Sequence[Dataset],
    registry: Registry,
    out: Path,
    settings: EvaluationSettings,
    console: Console,
    show: Show,
) -> JsonObject | None:
    """Train and evaluate every variant with the same budget, data, seed and noise, and write the table.

    What is finished stays: the same call goes on where an earlier one was interrupted.

    Args:
        config: The run of the whole method; each variant starts anew from the denoiser of its `init`.
        datasets: Data sets to evaluate on.
        registry: Planes and structures.
        out: Folder for runs, evaluations and the table.
        settings: What is evaluated and how.
        console: Where training shows progress.
        show: Shows the progress of evaluations.

    Returns:
        What stands in `ablation.json`; None if training was interrupted.

    Raises:
        FetalFlexError: If the run is of another stage or lacks what an ablation takes away, or what `train` and
            `evaluate` raise.
    """
    _check(config)
    claim(out, ABLATION)
    rows = []
    for variant in VARIANTS:
        run = _run_of(variant, config, out)
        if variant.trained_as is None and not train(run, registry, console):
            return None
        sampling = replace(settings.sampling, smoothing=Smoothing()) if variant.smoothing else settings.sampling
        pipeline = FetalFlexPipeline.from_pretrained(run.output / MODEL_FOLDER, registry, choose_device(config.device))
        evaluation = replace(settings, sampling=sampling)
        results = evaluate(pipeline, datasets, out / variant.name / "evaluation", evaluation, show=show)
        write_report(results, registry)
        rows.append(
            {
                "name": variant.name,
                "title": variant.title,
                "changes": dict(variant.control) | ({"smoothing": True} if variant.smoothing else {}),
                "training": best_validation(run.output),
                "report": report_values(results),
            }
        )
    values = {"format": "fetalflex/ablation", "version": 1, "images": config.images, "rows": rows}
    for name, text in ((VALUES, json_text(values)), (TABLE, ablation_table(values))):
        write_text(out / name, text)
    return values


def _check(config: RunConfig) -> None:
    if config.stage != "control":
        raise FetalFlexError(f"stage is {config.stage}; an ablation needs a run of the stage control")
    if config.max_minutes is not None:
        raise FetalFlexError(
            f"max_minutes is {config.max_minutes:g}; an ablation compares equal numbers of images, so leave it out"
        )
    for variant in VARIANTS:
        for name, value in variant.control.items():
            if getattr(config.control, name) == value:
                raise FetalFlexError(
                    f"control.{name} is {value!r} already, so the variant {variant.name} would not differ; give the "
                    "run of the whole method"
                )


def _run_of(variant: AblationVariant, config: RunConfig, out: Path) -> RunConfig:
    control = config.control.model_copy(update={**variant.control, "start_anew": True})
    return config.model_copy(update={"control": control, "output": out / (variant.trained_as or variant.name) / "run"})
