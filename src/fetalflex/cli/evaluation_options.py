"""The options of `fetalflex evaluate` that say what is measured, and the settings that they make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.evaluation.evaluate import EvaluationSettings

_WIDEST_BLUR = 64


def evaluation_options(
    split: options.Split = "test",
    planes: options.Planes = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Of each plane, only N images, spread over it.", show_default=False),
    ] = None,
    min_quality: options.MinQuality = None,
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
    seed: Annotated[
        int,
        typer.Option(
            "--seed", min=0, max=2**63 - 1, help="The image of record i, counted over all of DATA, has the seed SEED+i."
        ),
    ] = 0,
    batch_size: options.BatchSize = 4,
    allow_synthetic: options.AllowSynthetic = False,
) -> EvaluationSettings:
    """Return what is measured; how images are sampled is said elsewhere."""
    from fetalflex.evaluation.evaluate import EvaluationSettings
    from fetalflex.evaluation.report.comparison import contrast_of_report, read_report

    return EvaluationSettings(
        split=split,
        planes=options.names_in(planes),
        limit=limit,
        min_quality=min_quality,
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
