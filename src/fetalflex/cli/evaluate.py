"""`fetalflex evaluate`: how good a model's images are, whether they obey, and whether they are copies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.evaluation_options import evaluation_options
from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.option_groups import with_group
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from fetalflex.evaluation.evaluate import EvaluationSettings

_DEFAULTS = Sampling(steps=50)


_WithoutLayout = Annotated[
    bool,
    typer.Option("--without-layout", help="Hide the layout from the model, for a baseline; the prompt stays."),
]
_Baseline = Annotated[
    Path | None,
    typer.Option("--baseline", metavar="REPORT.json", help="Compare with an earlier report.", show_default=False),
]
_LayoutFidelity = Annotated[
    str | None,
    typer.Option(
        "--layout-fidelity",
        metavar="DETECTOR",
        help="Detector's folder, or its name in weights/, that looks for the requested boxes in the syntheses.",
        show_default=False,
    ),
]


@with_sampling_options("guidance_edit")
@with_group("settings", evaluation_options)
def evaluate(
    model: options.ModelArgument,
    context: typer.Context,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report, sheets and syntheses.")],
    *,
    settings: EvaluationSettings,
    without_layout: _WithoutLayout = False,
    baseline: _Baseline = None,
    layout_fidelity: _LayoutFidelity = None,
    sampling: Sampling = _DEFAULTS,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure a model on real images that it was not trained on.

    Every image of the split is synthesised from its own layout, its background kept. Measured are PSNR, MS-SSIM, a
    perceptual distance and KID, of whole images and of the synthesised region, and what a blur makes of them; texture,
    seam and tone of the region at the image's own resolution; whether stomach and skull are there, grow and vanish with
    their boxes; whether syntheses are near-copies of the images of DATA's split train; with --names, whether the
    content of boxes follows their names; and, with --layout-fidelity, whether a detector finds the boxes that were
    asked for.

    DIR/report.md shows all numbers with confidence intervals, report.json the same for programs, samples.csv each
    image, sheet.png, edits.png, names.png, fidelity.png and nearest.png some of them. The same command resumes
    an interrupted run.
    """
    from fetalflex.cli.inputs import load_detector, load_pipeline, load_registry
    from fetalflex.data import open_dataset
    from fetalflex.evaluation.evaluate import evaluate as evaluate_model
    from fetalflex.evaluation.report.comparison import compare_reports, read_report
    from fetalflex.evaluation.report.contents import report_values, summary
    from fetalflex.evaluation.report.writing import write_report
    from fetalflex.files import write_text

    if without_layout:
        sampling = _without_layout(sampling, context)
    other = None if baseline is None else read_report(baseline)
    keep_for_this_command(out)
    registry = load_registry(registry_file, model)
    datasets = [open_dataset(path, registry) for path in data]
    detector = None if layout_fidelity is None else load_detector(layout_fidelity, device)
    pipeline = load_pipeline(model, registry, device)
    settings = replace(settings, sampling=sampling)
    results = evaluate_model(pipeline, datasets, out, settings, None, detector, other, progress_bar)
    write_report(results, registry)
    report = report_values(results)
    typer.echo(json.dumps(report, indent=2) if as_json else f"{summary(results)}\nwrote {out / 'report.md'}")
    if other is None:  # that of an earlier run would not belong to this report
        (out / "comparison.md").unlink(missing_ok=True)
        return
    text = compare_reports(other, report)
    write_text(out / "comparison.md", text)
    if not as_json:
        typer.echo(text)


def _without_layout(sampling: Sampling, context: typer.Context) -> Sampling:
    """Return how a model is sampled that does not see the layout; options that need it are refused."""
    for name in ("guidance_layout", "guidance_edit"):
        if options.was_given(context, name):
            flag = f"--{name.replace('_', '-')}"
            raise FetalFlexError(f"--without-layout and {flag} contradict each other; give one of them")
    return sampling.replace(guidance=replace(sampling.guidance, layout=0.0, edit=0.0))
