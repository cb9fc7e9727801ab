"""`fetalflex planes`: planes and structures, and what a model has learnt of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.abilities import Abilities
    from fetalflex.anatomy import Registry
    from fetalflex.anatomy.planes import Plane


def planes(
    plane: Annotated[
        str | None, typer.Argument(metavar="PLANE", help="Only this plane, by name or synonym.", show_default=False)
    ] = None,
    model: options.Model = "mini",
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List planes and their structures with titles, synonyms and typical sizes, and what MODEL has learnt of them.

    A typical size is width x height as a fraction of the plane's outline, or of the image where it has none. "learnt"
    counts the training images that show the structure; "drawn" says whether it was seen in syntheses of held-out
    layouts, where grey values can tell.
    """
    from fetalflex.abilities import abilities_of_named
    from fetalflex.cli.inputs import load_registry

    registry = load_registry(registry_file, model)
    abilities = abilities_of_named(model)
    chosen = registry.planes if plane is None else (registry.plane(plane),)
    if as_json:
        typer.echo(json.dumps([_values(one, registry, abilities) for one in chosen], indent=2, ensure_ascii=False))
        return
    typer.echo("\n\n".join(_text(one, registry, abilities) for one in chosen))
    if abilities is None:
        typer.echo(f"\nWhat {model} has learnt has not been measured; run `fetalflex experiment abilities`.")
    else:
        typer.echo(f"\nlearnt, drawn: of {abilities.model}, as measured (`abilities.json` in its folder)")


def _text(plane: Plane, registry: Registry, abilities: Abilities | None) -> str:
    lines = [f"{plane.title} ({plane.name})"]
    if plane.synonyms:
        lines.append(f"  also: {', '.join(plane.synonyms)}")
    lines.append(f"  outline: {plane.outline or 'none'}")
    rows = [("structure", "size", "learnt", "drawn", "synonyms")]
    for entry in _values(plane, registry, abilities)["structures"]:
        width, height = entry["typical_size"]
        learnt = entry["training_images"]
        told = "-" if learnt is None else f"{learnt} images" if learnt else "NO"
        rows.append(
            (entry["name"], f"{width:g} x {height:g}", told, entry["drawn"] or "-", ", ".join(entry["synonyms"]))
        )
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)]
        lines.append(f"  {'  '.join([*cells, row[4]])}".rstrip())
    return "\n".join(lines)


def _values(plane: Plane, registry: Registry, abilities: Abilities | None) -> JsonObject:
    structures = []
    for name in plane.structures:
        entry = registry.structure(name)
        ability = None if abilities is None else abilities.structure(plane.name, name)
        structures.append(
            {
                "name": name,
                "title": entry.title,
                "synonyms": list(entry.synonyms),
                "echogenicity": entry.echogenicity,
                "typical_size": list(registry.typical_size(plane.name, name)),
                "training_images": _training_images(plane, abilities, name),
                "drawn": None if ability is None else str(ability.drawn),
            }
        )
    return {
        "name": plane.name,
        "title": plane.title,
        "synonyms": list(plane.synonyms),
        "outline": plane.outline,
        "structures": structures,
    }


def _training_images(plane: Plane, abilities: Abilities | None, name: str) -> int | None:
    """Return how many training images show a structure; 0 on planes that the data do not hold, None if unknown."""
    if abilities is None:
        return None
    ability = abilities.structure(plane.name, name)
    return 0 if ability is None else ability.training_images
