"""`fetalflex measure`: what the structures of layouts measure, and which centiles that is."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.anatomy import GestationalAge, Layout, Registry
    from fetalflex.anatomy.biometry.measures import Measurement


def measure(
    layouts: Annotated[
        list[str], typer.Argument(metavar="LAYOUT.json", help="Layout files; with --dataset, names of images in it.")
    ],
    dataset: Annotated[
        Path | None,
        typer.Option(
            "--dataset",
            metavar="FOLDER",
            help="Data set folder or packed file to take the layouts from.",
            show_default=False,
        ),
    ] = None,
    age: Annotated[
        str | None,
        typer.Option(
            "--age", help="Gestational age for centiles: 22w3d, 22+3 or 22.43.", show_default="the data set's"
        ),
    ] = None,
    pixel_spacing: options.PixelSpacing = None,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure the structures of layouts in millimetres.

    HC, BPD and OFD are those of the ellipse in the skull's box, AC that of the abdomen's; LV is the width of the
    lateral ventricle, NB the length of the nasal bone, NT the thickness of the nuchal translucency, each as drawn. For
    research only: boxes are not calliper placements.
    """
    from fetalflex.anatomy import GestationalAge
    from fetalflex.cli.inputs import load_registry, with_spacing
    from fetalflex.cli.scans import read_layout

    registry = load_registry(registry_file)
    parsed = None if age is None else GestationalAge.parse(age)
    found = []
    for name in dict.fromkeys(layouts):
        layout, origin, _ = read_layout(name, dataset, registry)
        known = parsed or _age_in(dataset, name, registry)
        found.append(_facts(origin, with_spacing(layout, origin, pixel_spacing), registry, known))
    typer.echo(json.dumps(found, indent=2) if as_json else "\n\n".join(map(_as_text, found)))


def _age_in(dataset: Path | None, name: str, registry: Registry) -> GestationalAge | None:
    """Return the gestational age that a data set states for an image, None if it states none that can be read."""
    from fetalflex.anatomy import GestationalAge
    from fetalflex.cli.scans import find_record

    if dataset is None:
        return None
    _, record = find_record(dataset, name, registry)
    with contextlib.suppress(FetalFlexError):
        return GestationalAge.parse(str(record.extra.get("gestational_age", "")))
    return None


def _facts(origin: str, layout: Layout, registry: Registry, age: GestationalAge | None) -> JsonObject:
    from fetalflex.anatomy import measure_all

    return {
        "layout": origin,
        "plane": layout.plane,
        "pixel_spacing_mm": layout.pixel_spacing_mm,
        "gestational_age": None if age is None else str(age),
        "measurements": [_growth_facts(measurement, age) for measurement in measure_all(layout, registry)],
    }


def _growth_facts(measurement: Measurement, age: GestationalAge | None) -> JsonObject:
    from fetalflex.anatomy import GROWTH_CHARTS

    facts: JsonObject = {
        "measure": measurement.measure.name,
        "title": measurement.measure.title,
        "mm": measurement.mm,
        "chart": None,
        "z_score": None,
        "centile": None,
        "age_at_50th_centile": None,
        "notes": [],
    }
    chart = GROWTH_CHARTS.get(measurement.measure.name)
    if chart is None:
        return facts | {"notes": ["no growth chart"]}
    facts["chart"] = chart.name
    try:
        if age is not None:
            facts |= {"z_score": chart.z_score(measurement.mm, age), "centile": chart.centile(measurement.mm, age)}
    except FetalFlexError as error:
        facts["notes"].append(str(error))
    try:
        facts["age_at_50th_centile"] = str(chart.age_at(measurement.mm))
    except FetalFlexError as error:
        facts["notes"].append(str(error))
    return facts


def _as_text(facts: JsonObject) -> str:
    lines = [f"{facts['layout']}: {facts['plane']}, {facts['pixel_spacing_mm']:.4g} mm per pixel"]
    for found in facts["measurements"]:
        remarks = []
        if found["centile"] is not None:
            remarks.append(f"centile {found['centile']:.1f} (z {found['z_score']:+.2f}) at {facts['gestational_age']}")
        if found["age_at_50th_centile"] is not None:
            remarks.append(f"50th centile at {found['age_at_50th_centile']}")
        remarks += found["notes"]
        lines.append(f"  {found['measure']:3}  {found['title']:24}  {found['mm']:6.1f} mm  {'; '.join(remarks)}")
    return "\n".join(lines if facts["measurements"] else [*lines, "  holds nothing that is measured"])
