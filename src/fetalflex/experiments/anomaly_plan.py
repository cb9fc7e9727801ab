"""On which image each anomaly of a library is shown, and what is shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fetalflex.anatomy import Layout, Registry, changed_structures
from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary, Variant
from fetalflex.data import Dataset, Record
from fetalflex.data.real_only import real_part
from fetalflex.errors import FetalFlexError

PAGE = "anomalies.md"
SHEETS = "images/anomalies"
_ANY = ("stomach", "lateral_ventricle", "nuchal_translucency")
"""Structures on which anomalies of any structure are shown, the first that an image holds."""


@dataclass(frozen=True)
class SheetPlan:
    """What is shown of an anomaly: a record with a variant per grade, or nothing if no image suits it."""

    anomaly: Anomaly
    record: Record | None
    variants: tuple[Variant, ...]

    def __bool__(self) -> bool:
        return self.record is not None

    @property
    def file_name(self) -> str:
        """Return the sheet's path, relative to the page."""
        return f"{SHEETS}/{self.anomaly.name}.jpg"


def plan_sheets(library: AnomalyLibrary, dataset: Dataset, registry: Registry, seed: int = 0) -> list[SheetPlan]:
    """Choose an image for each anomaly, and draw a variant of each grade on it.

    Images of the first plane that the anomaly names come first; neighbours in the library take turns among them. An
    image on which the anomaly stays inside its borders goes before others.

    Args:
        library: Anomalies to show.
        dataset: Where images come from; synthetic ones are left out, since the sheets call them real.
        registry: Planes and structures.
        seed: Seed of every variant.

    Raises:
        FetalFlexError: If no image suits any anomaly.
    """
    dataset, _ = real_part(dataset)
    plans = [_plan(anomaly, turn, dataset, registry, seed) for turn, anomaly in enumerate(library)]
    if not any(plans):
        raise FetalFlexError(f"none of the {len(dataset)} images suits any of the {len(library)} anomalies")
    return plans


def _plan(anomaly: Anomaly, turn: int, dataset: Dataset, registry: Registry, seed: int) -> SheetPlan:
    suited = [record for record in dataset if anomaly.suits(record.layout)]
    if anomaly.for_any:
        suited = [record for record in suited if _structure(record.layout) == _ANY[0]] or suited
    for plane in anomaly.planes or tuple(dict.fromkeys(record.layout.plane for record in suited)):
        records = [record for record in suited if record.layout.plane == plane]
        plans = [_drawn(anomaly, record, registry, seed) for record in _turned(records, turn)]
        if found := [plan for plan in plans if plan]:
            return max(found, key=_least_inside)
    return SheetPlan(anomaly, None, ())


def _turned(records: list[Record], turn: int) -> list[Record]:
    start = turn % len(records) if records else 0
    return records[start:] + records[:start]


def _drawn(anomaly: Anomaly, record: Record, registry: Registry, seed: int) -> SheetPlan:
    structure = _structure(record.layout) if anomaly.for_any else None
    try:
        variants = [
            anomaly.sample(record.layout, grade.name, seed, structure, registry) for grade in anomaly.severities
        ]
    except FetalFlexError:
        return SheetPlan(anomaly, None, ())
    return SheetPlan(anomaly, record, tuple(variants))


def _structure(layout: Layout) -> str | None:
    return next((name for name in _ANY if layout.find(name)), None)


def _least_inside(plan: SheetPlan) -> float:
    """Return the share of the structure that is cut most by the image's borders, in steps that forgive a little."""
    return min(
        round(placed.box.inside_fraction(variant.after.width, variant.after.height), 1)
        for variant in plan.variants
        for placed in changed_structures(variant.before, variant.after)
    )


def image_count(plans: Sequence[SheetPlan]) -> int:
    """Return how many images are synthesised: one per grade, and the normal one."""
    return sum(1 + len(plan.variants) for plan in plans if plan)


def sheet_files(plans: Sequence[SheetPlan], out: Path) -> list[Path]:
    """Return all files that `make_sheets` writes."""
    return [out / PAGE, *(out / plan.file_name for plan in plans if plan)]
