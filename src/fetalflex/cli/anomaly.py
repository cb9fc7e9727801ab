"""`fetalflex anomaly`: the library of anomalies, and their use on layouts."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.abilities import Abilities
    from fetalflex.anatomy import Layout, Registry
    from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary, Variant

_WIDTH = 100

AnomaliesFile = Annotated[
    Path | None,
    typer.Option("--anomalies", help="YAML file with anomalies in addition to the built-in ones.", show_default=False),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name or title of an anomaly.")]

anomaly = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@anomaly.callback()
def _anomaly() -> None:
    """Show and apply anomalies.

    An anomaly is a programme that changes the layout of a normal image, in grades with published thresholds. Left,
    right, anterior and so on are the fetus's own, found from landmarks such as spine and stomach.
    """


@anomaly.command("list")
def list_anomalies(
    plane: Annotated[
        str | None, typer.Option("--plane", help="Only those that show on this plane.", show_default=False)
    ] = None,
    model: options.Model = "mini",
    anomalies: AnomaliesFile = None,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """List all anomalies, with their grades and planes, and whether MODEL can draw them.

    Drawn says in how many syntheses of held-out images everything was seen that the anomaly demands, as far as grey
    values can tell.
    """
    from fetalflex.abilities import abilities_of_named

    registry, library = _load(registry_file, anomalies)
    abilities = abilities_of_named(model)
    chosen = list(library) if plane is None else list(library.on_plane(registry.plane(plane).name))
    if as_json:
        typer.echo(json.dumps([_summary(entry, abilities) for entry in chosen], indent=2))
        return
    rows = [
        (
            entry.name,
            "-" if abilities is None else str(abilities.anomaly(entry.name)),
            ", ".join(grade.name for grade in entry.severities),
            ", ".join(entry.planes) or "all",
        )
        for entry in chosen
    ]
    rows.insert(0, ("anomaly", "drawn", "severities", "planes"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, drawn, grades, planes in rows:
        typer.echo(f"{name:{widths[0]}}  {drawn:{widths[1]}}  {grades:{widths[2]}}  {planes}")
    if abilities is None:
        typer.echo(f"whether {model} draws them was not measured; `fetalflex experiment abilities` does that")
    else:
        typer.echo(f"drawn: of {abilities.model}, seen of variants as measured on held-out images")


@anomaly.command()
def show(
    name: Name,
    anomalies: AnomaliesFile = None,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Show an anomaly with its grades, thresholds and sources."""
    _, library = _load(registry_file, anomalies)
    entry = library.anomaly(name)
    typer.echo(json.dumps(_details(entry, library), indent=2, ensure_ascii=False) if as_json else _text(entry, library))


@anomaly.command()
def apply(
    name: Name,
    layout: Annotated[
        str, typer.Argument(metavar="LAYOUT", help="Layout file; with --dataset, the name of an image in it.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.layout.json", help="Layout file to write.")],
    severity: Annotated[
        str | None,
        typer.Option("--severity", help="Grade of the anomaly; drawn at random by default.", show_default=False),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the variant.")] = 0,
    structure: Annotated[
        str | None,
        typer.Option(
            "--structure",
            help="Structure of displacement, size_change and absence; drawn at random by default.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option("--dataset", help="Data set folder or packed file to take the layout from.", show_default=False),
    ] = None,
    anomalies: AnomaliesFile = None,
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Draw a variant of an anomaly on a layout.

    Beside OUT.layout.json, the layout with the anomaly, lie OUT.recipe.json, the edits that lead to it (for
    `fetalflex edit --recipe`), and OUT.organs.png, the region of the organs (for `fetalflex refine --mask`). The same
    seed gives the same variant.
    """
    from fetalflex.files import check_outputs

    if out.suffix != ".json":
        raise FetalFlexError(f"--out {out} does not end in .json")
    registry, library = _load(registry_file, anomalies)
    before, files = _read_layout(layout, dataset, registry)
    variant = library.anomaly(name).sample(before, severity, seed, structure, registry)
    stem = out.name.removesuffix(".json").removesuffix(".layout")
    recipe_file, mask_file = out.with_name(f"{stem}.recipe.json"), out.with_name(f"{stem}.organs.png")
    check_outputs([out, recipe_file, mask_file], files, force)
    _write(variant, registry, out, recipe_file, mask_file)
    if as_json:
        written = {"layout": str(out), "recipe": str(recipe_file), "organs": str(mask_file)}
        typer.echo(json.dumps({"files": written} | variant.to_dict(registry), indent=2, ensure_ascii=False))
        return
    of = f" of {variant.structure}" if variant.structure else ""
    typer.echo(f"{variant.anomaly}{of}, {variant.severity}, seed {variant.seed}")
    for sentence in variant.repairs:
        typer.echo(sentence)
    typer.echo(f"prompt: {variant.prompt(registry)}")
    typer.echo(f"wrote {out}, {recipe_file}, {mask_file}")


def _load(registry_file: Path | None, anomalies: Path | None) -> tuple[Registry, AnomalyLibrary]:
    from fetalflex.anatomy import default_registry
    from fetalflex.anatomy.anomalies import default_library

    registry = default_registry() if registry_file is None else default_registry().extended_with(registry_file)
    library = default_library()
    return registry, library if anomalies is None else library.extended_with(anomalies, registry)


def _read_layout(name: str, dataset: Path | None, registry: Registry) -> tuple[Layout, list[Path]]:
    """Return a layout and the files that it was read from."""
    from fetalflex.cli.scans import read_layout

    layout, _, files = read_layout(name, dataset, registry)
    return layout, list(files)


def _write(variant: Variant, registry: Registry, layout_file: Path, recipe_file: Path, mask_file: Path) -> None:
    """Write the three files of a variant, all or none."""
    import numpy as np

    from fetalflex.data.image_files import encode_png
    from fetalflex.files import writing_together
    from fetalflex.provenance import picture_text

    mask = variant.organ_mask(registry).astype(np.uint8) * 255
    with writing_together() as files:
        files.add(layout_file, variant.after.to_json())
        files.add(recipe_file, variant.recipe.to_json())
        files.add(mask_file, encode_png(mask, picture_text("mask of organs", synthetic=False)))


def _summary(entry: Anomaly, abilities: Abilities | None = None) -> JsonObject:
    return {
        "name": entry.name,
        "title": entry.title,
        "planes": list(entry.planes),
        "severities": [grade.name for grade in entry.severities],
        "any_structure": entry.for_any,
        "drawn": {}
        if abilities is None
        else {
            grade.name: {"seen": hits.seen, "of": hits.of, "answer": hits.answer}
            for grade in entry.severities
            if (hits := abilities.anomaly(entry.name, grade.name)).of
        },
    }


def _demands(entry: Anomaly) -> list[str]:
    if entry.for_any and entry.demands:
        return ["that the structure is seen where it is, or no longer where it was, if grey values can tell"]
    return [str(test) for test in entry.tests()]


def _details(entry: Anomaly, library: AnomalyLibrary) -> JsonObject:
    return _summary(entry) | {
        "about": entry.about,
        "prompt_words": list(entry.prompt_words),
        "organs": list(entry.organs),
        "demands": _demands(entry),
        "severities": [
            {
                "name": grade.name,
                "threshold": grade.threshold,
                "sources": [library.sources[key] for key in grade.sources],
                "prompt_words": list(grade.prompt_words),
                "values": {key: list(limits) for key, limits in grade.values.items()},
            }
            for grade in entry.severities
        ],
    }


def _text(entry: Anomaly, library: AnomalyLibrary) -> str:
    lines = [f"{entry.title} ({entry.name})", "", *textwrap.wrap(entry.about, _WIDTH), ""]
    lines += [f"planes        {', '.join(entry.planes) or 'all'}"]
    lines += [f"prompt words  {', '.join(entry.prompt_words) or 'none'}"]
    lines += [f"organs        {', '.join(entry.organs) or 'none'}"]
    lines += [f"demands       {', '.join(_demands(entry)) or 'nothing that grey values can tell'}"]
    in_mm = {change.amounts().get("mm") for change in entry.changes}
    for grade in entry.severities:
        cited = "".join(f" [{key}]" for key in grade.sources)
        lines += ["", f"{grade.name}: {grade.threshold or 'no threshold in general use'}{cited}"]
        for name, (low, high) in grade.values.items():
            lines.append(f"  {name} {low:g} to {high:g}{' mm' if name in in_mm else ''}")
    keys = dict.fromkeys(key for grade in entry.severities for key in grade.sources)
    if keys:
        lines += ["", "sources"]
    for key in keys:
        lines += textwrap.wrap(
            f"[{key}] {library.sources[key].strip()}", _WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    return "\n".join(lines)
