"""`fetalflex prepare`: annotations in any known format become a data set folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fetalflex.cli import options
from fetalflex.cli.show import progress_console
from fetalflex.errors import FetalFlexError
from fetalflex.progress import bar_on

if TYPE_CHECKING:
    from fetalflex.data.report import PrepareReport

FORMATS = "coco, yolo, voc, labelme, cvat, table, masks, fetus_framework, head_biometry, hc18, fetal_planes"
"""Names for `--format`, as in `fetalflex.data.importers.IMPORTERS`; written out so that --help loads nothing."""

_SHOWN_ENTRIES = 10


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text, show_default=False)


def prepare(
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help="Folder of images and annotations, or annotation file in it.")
    ],
    format: Annotated[
        str, typer.Option("--format", "-f", metavar="NAME", help=f"Format of the annotations: {FORMATS}.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder to make, outside the source.", show_default="SOURCE_dataset"),
    ] = None,
    plane: Annotated[
        str | None, _option("--plane", "PLANE", "Plane of images that do not name one themselves; name or synonym.")
    ] = None,
    label_map: Annotated[
        list[str] | None,
        _option("--label-map", "LABEL=STRUCTURE", "Structure of a label, or LABEL=ignore to leave it out; repeatable."),
    ] = None,
    columns: Annotated[
        list[str] | None,
        _option("--columns", "FIELD=COLUMN", "Column of a table, such as file=Image or x0=xmin; repeatable."),
    ] = None,
    patient_pattern: Annotated[
        str | None,
        _option(
            "--patient-pattern",
            "REGEX",
            "Regular expression searched for in file names; its one group is the patient id.",
        ),
    ] = None,
    images: Annotated[str | None, _option("--images", "DIR", "Folder of the images, relative to the source.")] = None,
    annotations: Annotated[
        str | None, _option("--annotations", "PATH", "Annotation file or folder, relative to the source.")
    ] = None,
    fractional: Annotated[
        bool, typer.Option("--fractional", help="Coordinates of a table are fractions of the image.")
    ] = False,
    rotated: Annotated[
        bool, typer.Option("--rotated", help="Turn polygons and masks into rotated boxes, not upright ones.")
    ] = False,
    min_area: Annotated[int, typer.Option("--min-area", help="Smallest part of a mask that counts, in pixels.")] = 25,
    box_unit: Annotated[
        str | None,
        _option("--box-unit", "UNIT", "pixels, fractions or percent, where numbers are not in the format's own unit."),
    ] = None,
    box_form: Annotated[
        str | None,
        _option("--box-form", "FORM", "corners, size or centre, where a box is not in the format's own form."),
    ] = None,
    first_pixel: Annotated[
        int,
        typer.Option("--first-pixel", metavar="0|1", help="1 if edges count pixels from 1, as in VOC's own set."),
    ] = 0,
    first_frame: Annotated[
        int | None, _option("--first-frame", "N", "Number in the name of the image that is frame 0 of a CVAT video.")
    ] = None,
    exif: Annotated[
        str | None,
        _option("--exif", "apply|ignore", "Boxes are for pictures as EXIF turns them, or as stored."),
    ] = None,
    keep_unannotated: Annotated[bool, typer.Option("--keep-unannotated", help="Include images without boxes.")] = False,
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
    registry: options.RegistryFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Turn annotated images into a data set folder: check everything, split by patient, report what was left out."""
    from fetalflex.cli.inputs import load_registry
    from fetalflex.data.importers import ImportOptions
    from fetalflex.data.preparation import prepare as prepare_dataset

    import_options = ImportOptions(
        plane=plane,
        label_map=parsed_pairs(label_map or [], "--label-map"),
        columns=parsed_pairs(columns or [], "--columns"),
        registry=load_registry(registry),
        patient_pattern=patient_pattern,
        fractional=fractional,
        rotated=rotated,
        min_area=min_area,
        images=images,
        annotations=annotations,
        keep_unannotated=keep_unannotated,
        box_unit=box_unit,
        box_form=box_form,
        first_pixel=first_pixel,
        first_frame=first_frame,
        exif=exif,
    )
    out = out or Path(f"{source.resolve().stem}_dataset")
    report = prepare_dataset(
        source,
        format,
        out,
        import_options,
        seed=seed,
        fractions=parsed_split(split),
        keep_splits=keep_splits,
        strict=strict,
        force=force,
        show=bar_on(progress_console(), transient=True),
    )
    typer.echo(report.to_json().rstrip() if as_json else _text(report, out))


def parsed_pairs(texts: list[str], option: str) -> dict[str, str]:
    """Return the dictionary of texts such as "a=b"; only the last "=" divides, since labels may hold one.

    Raises:
        FetalFlexError: If a text is not a pair, or a key is given twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.rpartition("="))
        if not (key and equals and value):
            raise FetalFlexError(f"{option} {text!r} is not a pair; give it as name=name")
        if key in pairs:
            raise FetalFlexError(f"{option} names {key!r} twice, as {pairs[key]!r} and {value!r}")
        pairs[key] = value
    return pairs


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
