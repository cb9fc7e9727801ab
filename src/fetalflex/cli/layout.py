"""`fetalflex layout`: the layout of an image of a data set, as a file to edit and to give to other commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options


def layout(
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Data set folder, packed file, or WebDataset shards.")
    ],
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="File name of an image in it; folders and ending may be omitted.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="OUT.layout.json", help="Layout file to write; printed by default.", show_default=False
        ),
    ] = None,
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
) -> None:
    """Print or write the layout of an image of a data set.

    The file says which structures the image shows and where: boxes as centre x, centre y, width, height in pixels, and
    an angle in degrees. Change it with any text editor; `fetalflex edit`, `refine`, `generate`, `measure` and `grow`
    read it back.
    """
    from fetalflex.cli.inputs import load_registry
    from fetalflex.cli.scans import read_layout
    from fetalflex.files import check_outputs, write_text

    found, _, files = read_layout(image, dataset, load_registry(registry_file))
    if out is None:
        typer.echo(found.to_json().rstrip())
        return
    check_outputs([out], files, force)
    write_text(out, found.to_json())
    typer.echo(f"wrote {out}: {found.plane}, {len(found.structures)} boxes")
