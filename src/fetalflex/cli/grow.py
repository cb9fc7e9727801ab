"""`fetalflex grow`: set a layout's measures to centiles or millimetres."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options


def grow(
    layout: Annotated[
        str, typer.Argument(metavar="LAYOUT.json", help="Layout file; with --dataset, the name of an image in it.")
    ],
    targets: Annotated[
        list[str],
        typer.Option(
            "--set",
            metavar="TARGET",
            help="New value of a measure: '22w3d, HC 5th centile', '22w3d, HC -2 SD' or 'LV 12 mm'. Repeatable; set in "
            "the order given.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.json", help="Layout file to write.")],
    save_recipe: Annotated[
        Path | None,
        typer.Option(
            "--save-recipe", help="Write the edits to a recipe file, for `fetalflex edit --recipe`.", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(
            "--dataset",
            metavar="FOLDER",
            help="Data set folder or packed file to take the layout from.",
            show_default=False,
        ),
    ] = None,
    pixel_spacing: options.PixelSpacing = None,
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
) -> None:
    """Set the measures of a layout to centiles of a gestational age, or to millimetres.

    HC, BPD and OFD scale the skull, AC the abdomen, each with its contents; LV, NB and NT scale the structure
    itself across or along. Charts are of INTERGROWTH-21st (HC, BPD, OFD, AC) and Almog 2003 (LV).
    """
    from fetalflex.anatomy import biometry_recipe, measure_all, parse_growth_target
    from fetalflex.cli.inputs import load_registry, with_spacing
    from fetalflex.cli.scans import read_layout
    from fetalflex.files import check_outputs, writing_together

    wanted = [parse_growth_target(target) for target in targets]
    registry = load_registry(registry_file)
    read, origin, files = read_layout(layout, dataset, registry)
    before = with_spacing(read, origin, pixel_spacing)
    recipe = biometry_recipe(before, wanted, registry)
    after = recipe.apply(before, registry)
    outputs = [out, *([] if save_recipe is None else [save_recipe])]
    check_outputs(outputs, files, force)
    with writing_together() as together:
        together.add(out, after.to_json())
        if save_recipe is not None:
            together.add(save_recipe, recipe.to_json())
    for old, new in zip(measure_all(before, registry), measure_all(after, registry), strict=True):
        typer.echo(f"{old.measure.name:3}  {old.mm:6.1f} -> {new.mm:6.1f} mm")
    typer.echo(f"wrote {', '.join(map(str, outputs))}")
