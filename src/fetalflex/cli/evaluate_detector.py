"""`fetalflex evaluate-detector`: how well a detector finds planes and structures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.show import progress_bar


def evaluate_detector(
    model: Annotated[str, typer.Argument(metavar="DETECTOR", help="Detector's folder, or its name in weights/.")],
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the report and a sheet.")],
    split: options.Split = "test",
    planes: options.Planes = None,
    min_quality: options.MinQuality = None,
    tell_plane: Annotated[
        bool, typer.Option("--tell-plane", help="Give the detector each image's plane; it has to find it otherwise.")
    ] = False,
    batch_size: options.BatchSize = 16,
    device: options.Device = "auto",
    allow_synthetic: options.AllowSynthetic = False,
    as_json: options.AsJson = False,
) -> None:
    """Measure a detector on images that it was not trained on.

    Reports average precision as COCO defines it, by plane and structure, and how often the plane is right. A structure
    is judged only on images whose source annotates it. DIR/report.md shows all numbers, report.json
    the same for programs, sheet.png found boxes.
    """
    from fetalflex.cli.inputs import load_detector
    from fetalflex.data import open_dataset
    from fetalflex.detection.evaluation import DetectorEvaluationSettings
    from fetalflex.detection.evaluation import evaluate_detector as measure
    from fetalflex.detection.report import check_report_folder, report_values, summary, write_report

    keep_for_this_command(out)
    check_report_folder(out)
    names = options.names_in(planes)
    settings = DetectorEvaluationSettings(split, names, min_quality, tell_plane, batch_size, allow_synthetic)
    detector = load_detector(model, device)
    datasets = [open_dataset(path, detector.registry) for path in data]
    results = measure(detector, datasets, settings, progress_bar)
    write_report(results, out, detector.registry)
    text = json.dumps(report_values(results), indent=2) if as_json else f"{summary(results)}\nwrote {out / 'report.md'}"
    typer.echo(text)
