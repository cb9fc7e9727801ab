"""`fetalflex augment`: a labelled data set of synthetic images, from a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.exit_codes import ExitCode
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.anatomy import Registry
    from fetalflex.anatomy.anomalies import AnomalyLibrary
    from fetalflex.augment import Plan, PlannedImage, Report
    from fetalflex.augment.estimate import SetCost
    from fetalflex.compute.processes import Processes
    from fetalflex.data import Dataset
    from fetalflex.pipeline.pipeline import FetalFlexPipeline


_BatchSize = Annotated[int, typer.Option("--batch-size", min=1, max=4096, help="Images that are computed together.")]
_Anomalies = Annotated[
    Path | None,
    typer.Option("--anomalies", help="YAML file with anomalies beside the built-in ones.", show_default=False),
]
_DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Make a batch of each kind, estimate time and disk, and write nothing."),
]


def augment(
    dataset: options.DatasetArgument,
    plan_file: Annotated[Path, typer.Option("--plan", metavar="PLAN.yaml", help="What to make.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new data set.")],
    model: options.Model = "mini",
    batch_size: _BatchSize = 4,
    device: options.Device = "auto",
    anomalies: _Anomalies = None,
    allow_synthetic: options.AllowSynthetic = False,
    registry_file: options.RegistryFile = None,
    dry_run: _DryRun = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a labelled data set of normal and abnormal synthetic images.

    The plan says how many images of which plane, normal or with which anomaly. Images that fail a check (empty, flat,
    layout ignored, copy of a real region or of another image) are made again from another seed. DIR becomes a data
    set folder; DIR/report.md says what was made and rejected, DIR/sheet.png shows images beside their sources.

    The same command resumes an interrupted run. Several processes share the work under
    `accelerate launch --multi_gpu -m fetalflex augment ...`. The exit code is 4 if images are missing in the end.
    """
    from fetalflex.augment import augment as make_set
    from fetalflex.augment import load_plan
    from fetalflex.augment.estimate import estimate
    from fetalflex.cli.inputs import load_registry
    from fetalflex.compute.processes import joined
    from fetalflex.data import open_dataset

    with joined() as processes:
        plan = load_plan(plan_file)
        registry = load_registry(registry_file, model)
        library = _library(anomalies, registry)
        opened = open_dataset(dataset, registry)
        images = _planned(opened, plan, plan_file, registry, library, allow_synthetic)
        pipeline = _pipeline(model, registry, device, processes)
        if dry_run:
            if processes.main:
                cost = estimate(opened, plan, out, pipeline, images, batch_size, processes.count)
                typer.echo(json.dumps(cost.to_dict(), indent=2) if as_json else _described(cost, images))
            return
        report = make_set(
            opened,
            plan,
            out,
            pipeline,
            library,
            images=images,
            batch_size=batch_size,
            processes=processes,
            show=progress_bar,
        )
        if processes.main:
            _tell(report, as_json)
    if report.failed:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _tell(report: Report, as_json: bool) -> None:
    out = report.folder
    text = f"{report.summary()}\nwrote {out}, see {out / 'report.md'} and {out / 'sheet.png'}"
    typer.echo(json.dumps(report.to_dict(), indent=2) if as_json else text)
    if report.failed:
        missing = f"{len(report.failed)} of {len(report.outcomes)} images are missing"
        typer.echo(f"{missing}; see {out / 'report.md'}", err=True)


def _library(anomalies: Path | None, registry: Registry) -> AnomalyLibrary:
    from fetalflex.anatomy.anomalies import default_library

    return default_library() if anomalies is None else default_library().extended_with(anomalies, registry)


def _planned(
    dataset: Dataset,
    plan: Plan,
    plan_file: Path,
    registry: Registry,
    library: AnomalyLibrary,
    allow_synthetic: bool,
) -> list[PlannedImage]:
    """Return the samples of a plan; what does not fit is reported with the plan's file."""
    from fetalflex.augment import plan_images

    try:
        return plan_images(dataset, plan, registry, library, allow_synthetic)
    except FetalFlexError as error:
        raise FetalFlexError(f"{plan_file}: {error}") from error


def _pipeline(model: str, registry: Registry, device: str, processes: Processes) -> FetalFlexPipeline:
    """Load the model, where this process of several computes."""
    from fetalflex.cli.inputs import load_pipeline

    return load_pipeline(model, registry, device if processes.count == 1 else str(processes.take_device(device)))


def _described(cost: SetCost, images: list[PlannedImage]) -> str:
    counts: dict[tuple[str, str, str], int] = {}
    for image in images:
        key = (image.plane, image.labels["anomaly"], image.labels["severity"])
        counts[key] = counts.get(key, 0) + 1
    lines = [
        f"{count:>7}  {plane}, {'normal' if anomaly == 'none' else f'{anomaly}, {severity}'}"
        for (plane, anomaly, severity), count in counts.items()
    ]
    lines += [
        f"images   {cost.images}, of which {cost.missing} are yet to be made",
        f"sources  {len({image.first.record.file_name for image in images})}",
        f"time     about {_duration(cost.seconds)}, {cost.seconds_per_image:.2f} s an image; rejected ones on top",
        f"disk     about {cost.bytes / 1e6:.1f} MB",
    ]
    return "\n".join(lines)


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    return f"{minutes:.1f} minutes" if minutes < 120 else f"{minutes / 60:.1f} hours"
