"""`fetalflex evaluate`: how good a model's images are, whether they obey, and whether they are copies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import Sampling

_WIDEST_BLUR = 64
_DEFAULTS = Sampling(steps=50)


@with_sampling_options("guidance_edit")
def evaluate(
    model: options.ModelArgument,
    context: typer.Context,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report, sheets and syntheses.")],
    split: options.Split = "test",
    planes: options.Planes = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Of each plane, only N images, spread over it.", show_default=False),
    ] = None,
    min_quality: options.MinQuality = None,
    without_layout: Annotated[
        bool,
        typer.Option("--without-layout", help="Hide the layout from the model, for a baseline; the prompt stays."),
    ] = False,
    edits: Annotated[
        bool,
        typer.Option(
            "--edits/--no-edits",
            help="Test adherence to edited layouts: takes two more syntheses of each image with a stomach or skull.",
        ),
    ] = True,
    audit: Annotated[
        bool,
        typer.Option("--audit/--no-audit", help="Look for near-copies of training images, all of which are read."),
    ] = True,
    local_edits: Annotated[
        bool,
        typer.Option(
            "--local-edits/--no-local-edits",
            help="Move an inner structure of each image too, only what changes made anew, and measure texture, seam "
            "and tone of that: takes one synthesis more of each image.",
        ),
    ] = False,
    names: Annotated[
        int,
        typer.Option(
            "--names",
            min=0,
            help="Exchange the names of two boxes, for all pairs of structures that differ to the eye, on N images "
            "each, as fetalflex experiment names does; 0 is off.",
        ),
    ] = 0,
    blur: Annotated[
        str,
        typer.Option(
            "--blur", metavar="PX,PX", help="Gaussian blurs whose numbers stand beside the syntheses' own; none is off."
        ),
    ] = "2,4",
    blur_like: Annotated[
        Path | None,
        typer.Option(
            "--blur-like",
            metavar="REPORT.json",
            help="Blur the syntheses to the local contrast of those of an earlier report too, such as SSA's.",
            show_default=False,
        ),
    ] = None,
    roi: options.RoiOfAll = options.Roi.AUTO,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="REPORT.json", help="Compare with an earlier report.", show_default=False),
    ] = None,
    layout_fidelity: Annotated[
        str | None,
        typer.Option(
            "--layout-fidelity",
            metavar="DETECTOR",
            help="Detector's folder, or its name in weights/, that looks for the requested boxes in the syntheses.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=2**63 - 1, help="The image of record i, counted over all of DATA, has the seed SEED+i."
        ),
    ] = 0,
    sampling: Sampling = _DEFAULTS,
    batch_size: options.BatchSize = 4,
    device: options.Device = "auto",
    allow_synthetic: options.AllowSynthetic = False,
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

    for name in ("guidance_layout", "guidance_edit"):
        if without_layout and options.was_given(context, name):
            flag = f"--{name.replace('_', '-')}"
            raise FetalFlexError(f"--without-layout and {flag} contradict each other; give one of them")
    if without_layout:
        sampling = sampling.replace(guidance=replace(sampling.guidance, layout=0.0, edit=0.0))
    from fetalflex.data import open_dataset
    from fetalflex.evaluation.evaluate import EvaluationSettings
    from fetalflex.evaluation.evaluate import evaluate as evaluate_model
    from fetalflex.evaluation.report.comparison import compare_reports, contrast_of_report, read_report
    from fetalflex.evaluation.report.contents import report_values, summary
    from fetalflex.evaluation.report.writing import write_report
    from fetalflex.files import write_text

    settings = EvaluationSettings(
        split=split,
        planes=options.names_in(planes),
        limit=limit,
        min_quality=min_quality,
        sampling=sampling,
        roi=roi.value,
        seed=seed,
        batch_size=batch_size,
        with_edits=edits,
        with_audit=audit,
        with_local_edits=local_edits,
        names_on=names,
        blurs=_sigmas(blur),
        blur_to=None if blur_like is None else contrast_of_report(read_report(blur_like), str(blur_like)),
        allow_synthetic=allow_synthetic,
    )
    other = None if baseline is None else read_report(baseline)
    keep_for_this_command(out)
    registry = load_registry(registry_file, model)
    datasets = [open_dataset(path, registry) for path in data]
    detector = None if layout_fidelity is None else load_detector(layout_fidelity, device)
    pipeline = load_pipeline(model, registry, device)
    results = evaluate_model(pipeline, datasets, out, settings, None, detector, other, progress_bar)
    write_report(results, registry)
    report = report_values(results)
    typer.echo(json.dumps(report, indent=2) if as_json else f"{summary(results)}\nwrote {out / 'report.md'}")
    if other is None:  # that of an earlier run would not belong to this report
        (out / "comparison.md").unlink(missing_ok=True)
    else:
        text = compare_reports(other, report)
        write_text(out / "comparison.md", text)
        if not as_json:
            typer.echo(text)


def _sigmas(text: str) -> tuple[float, ...]:
    """Return the widths of blurs in pixels."""
    if text.strip().lower() in ("none", ""):
        return ()
    try:
        sigmas = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        sigmas = (0.0,)
    if not all(0 < sigma <= _WIDEST_BLUR for sigma in sigmas):
        raise FetalFlexError(
            f"--blur is {text!r}; give numbers of pixels above 0 and up to {_WIDEST_BLUR}, as in 2,4, or none"
        )
    return sigmas
