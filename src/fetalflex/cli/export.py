"""`fetalflex export`: a data set in a format that other tools read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.data import Dataset
    from fetalflex.data.exporters import ExportOptions

FORMATS = "coco, yolo, yolo_obb, voc, class_folders, webdataset"
"""Names for `--format`, as in `fetalflex.data.exporters.EXPORTERS`; written out so that --help loads nothing."""

_MIB = 2**20


def export(
    dataset: options.DatasetArgument,
    format: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="NAME",
            help=f"One of {FORMATS}. YOLO has upright boxes, yolo_obb rotated ones; all others hold both.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to make.")],
    split: Annotated[str | None, typer.Option("--split", help="Only train, val or test.", show_default=False)] = None,
    plane: Annotated[str | None, typer.Option("--plane", help="Only this plane.", show_default=False)] = None,
    class_field: Annotated[
        str | None,
        typer.Option(
            "--class-field",
            metavar="FIELD",
            help="For class_folders: the field of the data set's image entries that names the class.",
            show_default="plane",
        ),
    ] = None,
    shard_images: Annotated[
        int | None,
        typer.Option("--shard-images", min=1, help="For webdataset: most images in a shard.", show_default="1000"),
    ] = None,
    shard_mib: Annotated[
        int | None,
        typer.Option("--shard-mib", min=1, help="For webdataset: largest shard in MiB.", show_default="256"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an export in this format that is there.")] = False,
    registry: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Write a data set for other tools: COCO, YOLO, Pascal VOC, image folders by class, WebDataset shards."""
    import json

    from fetalflex.cli.inputs import load_registry
    from fetalflex.data.exporting import export as export_dataset
    from fetalflex.data.opening import open_dataset

    _check_apart(dataset, out)
    planes_and_structures = load_registry(registry)
    opened = open_dataset(dataset, planes_and_structures)
    export_options = _options(
        format,
        {"registry": planes_and_structures, "licenses": opened.licenses},
        class_field=("class_folders", "--class-field", class_field),
        shard_images=("webdataset", "--shard-images", shard_images),
        shard_bytes=("webdataset", "--shard-mib", shard_mib and shard_mib * _MIB),
    )
    chosen = _chosen(opened, dataset, split, None if plane is None else planes_and_structures.plane(plane).name)
    with progress_bar("exporting", len(chosen)) as show:
        items = ((chosen.marked(record), chosen.image(record)) for record in chosen)
        result = export_dataset(items, format, out, export_options, force=force, on_progress=show)
    if as_json:
        typer.echo(json.dumps(result.to_dict(), indent=2))
    else:
        typer.echo("\n".join([result.summary(), *result.notes, f"It is in {out}. {result.reads_back}"]))


def _chosen(opened: Dataset, source: Path, split: str | None, plane: str | None) -> Dataset:
    chosen = opened.subset(split, None if plane is None else {plane})
    if not chosen:
        raise FetalFlexError(f"{source} holds no such image; it has {len(opened)} in all")
    return chosen


def _options(format: str, values: JsonObject, **of_formats: tuple[str, str, str | int | None]) -> ExportOptions:
    """Return the options of an export.

    Args:
        format: Format that the user asks for.
        values: Options for every format.
        of_formats: For each other option the format that has it, its name on the command line, and its value.

    Raises:
        FetalFlexError: If one is given that the format has no use for.
    """
    from fetalflex.data.exporters import ExportOptions, get_exporter

    get_exporter(format)
    for field, (only, option, value) in of_formats.items():
        if value is None:
            continue
        if format != only:
            raise FetalFlexError(f"{option} is for the format {only}; leave it out for {format}")
        values[field] = value
    return ExportOptions(**values)


def _check_apart(dataset: Path, out: Path) -> None:
    if dataset.resolve().is_relative_to(out.resolve()):
        raise FetalFlexError(f"{out} is or holds the data set {dataset} itself; give another folder")
