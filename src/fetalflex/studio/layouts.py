"""What can be said of a layout, and done to it, without the model: measures, doubts, anomalies, growth."""

from __future__ import annotations

from fetalflex.anatomy import (
    GROWTH_CHARTS,
    MEASURES,
    Layout,
    Registry,
    biometry_recipe,
    measure_all,
    parse_growth_target,
)
from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.anatomy.anomalies.rules import Plausibility
from fetalflex.anatomy.biometry.measures import Measurement
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject


def measures_of(layout: Layout, registry: Registry) -> list[JsonObject]:
    """Return what a layout measures in mm, and the age at which that is the 50th centile; nothing without a spacing."""
    if layout.pixel_spacing_mm is None:
        return []
    found = []
    for one in measure_all(layout, registry):
        age = _age_at_median(one)
        found.append(
            {
                "measure": one.measure.name,
                "title": one.measure.title,
                "structure": one.structure.name,
                "mm": one.mm,
                "age_at_50th_centile": age,
            }
        )
    return found


def _age_at_median(one: Measurement) -> str | None:
    chart = GROWTH_CHARTS.get(one.measure.name)
    try:
        return None if chart is None else str(chart.age_at(one.mm))
    except FetalFlexError:  # smaller or larger than the chart knows
        return None


def doubts_about(before: Layout, after: Layout, registry: Registry, library: AnomalyLibrary) -> list[str]:
    """Return one sentence for each way in which an edit leads to what bodies do not show."""
    return Plausibility(before, registry, library.rules).problems(after)


def with_anomaly(
    layout: Layout,
    name: str,
    severity: str | None,
    structure: str | None,
    seed: int,
    registry: Registry,
    library: AnomalyLibrary,
) -> JsonObject:
    """Return a layout with an anomaly, and what was drawn, as JSON values."""
    wanted = None if structure is None else registry.structure(structure).name
    variant = library.anomaly(name).sample(layout, severity, seed, wanted, registry)
    return {
        "layout": variant.after.to_dict(),
        "severity": variant.severity,
        "structure": variant.structure,
        "values": dict(variant.values),
        "repairs": list(variant.repairs),
        "organs": list(variant.organs),
    }


def grown(layout: Layout, targets: list[str], registry: Registry) -> JsonObject:
    """Return a layout whose measures are as wanted, as JSON values."""
    wanted = [parse_growth_target(target) for target in targets]
    after = biometry_recipe(layout, wanted, registry).apply(layout, registry)
    return {"layout": after.to_dict(), "measures": measures_of(after, registry)}


def growth_facts() -> list[JsonObject]:
    """Return the measures that can be set, and the weeks that their charts cover, as JSON values."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "structure": one.structure,
            "of_outline": one.of_outline,
            "chart": None if (chart := GROWTH_CHARTS.get(one.name)) is None else chart.name,
        }
        for one in MEASURES
    ]
