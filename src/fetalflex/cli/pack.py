"""`fetalflex pack`: data sets become one file that is easy to carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError

_SUFFIX = ".safetensors"


def pack(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET", help="Data set folders or packed files.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.safetensors", help="File to write.")],
    size: Annotated[int, typer.Option("--size", help="Longer side of the images at most, in pixels.")] = 256,
    quality: Annotated[int, typer.Option("--quality", help="JPEG quality, 1 to 95.")] = 85,
    force: options.Force = False,
    registry: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Write data sets as one file of JPEG images and annotations."""
    import json

    from fetalflex.cli.inputs import load_registry
    from fetalflex.data.opening import open_dataset
    from fetalflex.data.packed import check_packed_place
    from fetalflex.data.packed import pack as pack_datasets
    from fetalflex.files import check_outputs, locked

    if out.suffix != _SUFFIX:
        raise FetalFlexError(f"--out {out} must end in {_SUFFIX}")
    with locked(out):
        check_outputs([out], datasets, force)
        check_packed_place(out)
        planes_and_structures = load_registry(registry)
        opened = [open_dataset(path, planes_and_structures) for path in datasets]
        written = pack_datasets(opened, out, size, quality, planes_and_structures)
    images = sum(len(dataset) for dataset in opened)
    if as_json:
        typer.echo(json.dumps({"file": str(out), "images": images, "bytes": written}))
    else:
        typer.echo(f"{images} images in {out}, {written / 2**20:.1f} MiB")
