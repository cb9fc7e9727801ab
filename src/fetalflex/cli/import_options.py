"""The options of `fetalflex prepare` that say what annotations mean, and the value that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.data.importers import ImportOptions


def _option(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text, show_default=False)


def import_options(
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
    frames: Annotated[
        str | None,
        _option("--frames", "all|every:N|first|middle", "Which frames of DICOM files with several become images."),
    ] = None,
    colour_doppler: Annotated[
        bool, typer.Option("--colour-doppler", help="Take DICOM images with flow in colour too, as grey.")
    ] = False,
    keep_unannotated: Annotated[bool, typer.Option("--keep-unannotated", help="Include images without boxes.")] = False,
    registry: options.RegistryFile = None,
) -> ImportOptions:
    """Return what the user says about a source."""
    from fetalflex.cli.inputs import load_registry
    from fetalflex.data.importers import ImportOptions
    from fetalflex.dicom import FrameChoice

    return ImportOptions(
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
        frames=None if frames is None else FrameChoice.parse(frames),
        colour_doppler=colour_doppler,
    )


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
