"""`fetalflex prepare`: annotations in any known format become a data set folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli.import_options import import_options
from fetalflex.cli.option_groups import with_group
from fetalflex.cli.show import progress_console
from fetalflex.errors import FetalFlexError
from fetalflex.progress import bar_on

if TYPE_CHECKING:
    from fetalflex.data.importers import ImportOptions
    from fetalflex.data.report import PrepareReport

FORMATS = "coco, yolo, voc, labelme, cvat, table, masks, dicom, fetus_framework, head_biometry, hc18, fetal_planes"
"""Names for `--format`, as in `fetalflex.data.importers.IMPORTERS`; written out so that --help loads nothing."""

_SHOWN_ENTRIES = 10


@with_group("source_options", import_options)
def prepare(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of images and annotations, or annotation file in it.")
    ],
    format: Annotated[
        str, typer.Option("--format", "-f", metavar="NAME", help=f"Format of the annotations: {FORMATS}.")
    ],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to make, outside the source.", show_default="SOURCE_dataset"),
    ] = None,
    source_options: ImportOptions,
    seed: Annotated[
        int, typer.Option("--seed", help="Another seed gives another division into train, val and test.")
    ] = 0,
    split: Annotated[
        str, typer.Option("--split", metavar="A,B,C", help="Percentages of the patients in train, val and test.")
    ] = "80,10,10",
    keep_splits: Annotated[
        bool, typer.Option("--keep-splits", help="Keep the splits that the source names; draw only the others.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail, and write nothing, if anything would be left out.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a data set folder that is already there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Turn annotated images into a data set folder: check everything, split by patient, report what was left out."""
    from fetalflex.data.preparation import prepare as prepare_dataset

    out = out or Path(f"{source.resolve().stem}_dataset")
    report = prepare_dataset(
        source,
        format,
        out,
        source_options,
        seed=seed,
        fractions=parsed_split(split),
        keep_splits=keep_splits,
        strict=strict,
        force=force,
        show=bar_on(progress_console(), transient=True),
    )
    typer.echo(report.to_json().rstrip() if as_json else _text(report, out))


def parsed_split(text: str) -> tuple[float, float, float]:
    """Return the fractions of a text such as "80,10,10".

    Raises:
        FetalFlexError: If these are not three numbers of at least 0 that sum to 100.
    """
    try:
        train, val, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise FetalFlexError(f"--split {text!r} must be three numbers with commas, such as 80,10,10") from error
    if not (min(train, val, test) >= 0 and abs(train + val + test - 100) < 1e-6):
        raise FetalFlexError(f"--split {text!r} must be three percentages of at least 0 that sum to 100")
    return train / 100, val / 100, test / 100


def _text(report: PrepareReport, out: Path) -> str:
    """Return what to print: totals, the first entries of each kind, and where the rest is."""
    lines = [report.summary(), *report.remarks]
    for title, entries in (("Refused", report.refused), ("Note", report.notes)):
        lines += [f"{title}: {entry.where}: {entry.reason}" for entry in entries[:_SHOWN_ENTRIES]]
        if len(entries) > _SHOWN_ENTRIES:
            lines.append(f"{title}: {len(entries) - _SHOWN_ENTRIES} more")
    return "\n".join([*lines, f"The data set is in {out}; see report.md and contact_sheet.png there."])
