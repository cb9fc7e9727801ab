"""Pictures and page of what a model can draw."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fetalflex.abilities import Abilities
from fetalflex.anatomy import CloseUp, Registry, changed_structures, draw_overlay
from fetalflex.evaluation.adherence.demands import judge_demands, shows_anomaly
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.tables import table_head, table_row
from fetalflex.experiments.abilities import Case
from fetalflex.figures.table import PictureRow, draw_picture_table

_ANSWERS = {True: "seen", False: "NOT SEEN", None: "cannot be told"}
_COLUMNS = ("source, boxes that change", "synthesis, boxes that changed", "synthesis")


def draw_case_sheet(cases: Sequence[Case], kept: KeptSyntheses, registry: Registry) -> NDArray[np.uint8] | None:
    """Return source and synthesis of each case with what was found; None without cases."""
    rows = [_row(case, kept, registry) for case in cases]
    return draw_picture_table("Anomalies and what is seen of them", _COLUMNS, rows) if rows else None


def abilities_page(abilities: Abilities, registry: Registry) -> str:
    """Return what was measured, as Markdown for people."""
    lines = [
        f"# What {abilities.model} can draw",
        "",
        *(f"- {name}: {value}" for name, value in abilities.facts.items()),
        "",
        "Seen are variants in which grey values meet every demand of the anomaly. Anomalies without a demand that grey "
        "values can tell are not tested.",
        "",
        *table_head(["anomaly", "grade", "seen"]),
    ]
    for name, grades in abilities.anomalies.items():
        lines += [table_row([name, grade, str(hits)]) for grade, hits in grades.items()]
    columns = [
        "plane",
        "structure",
        "images in split train",
        "sign in syntheses",
        "in real images",
        "elsewhere in these",
    ]
    lines += ["", *table_head(columns)]
    for one in abilities.structures:
        hits = ("-" if not part.of else f"{part.seen} of {part.of}" for part in (one.drawn, one.real, one.elsewhere))
        title = registry.structure(one.structure).title
        lines.append(table_row([one.plane, title, str(one.training_images), *hits]))
    if (prompt := abilities.prompt) is not None:
        lines += [
            "",
            f"The prompt of another plane changes the region by {prompt.change:.1f} grey levels (root mean square, "
            f"{prompt.images} images), another seed by {prompt.seed_change:.1f}.",
        ]
    return "\n".join(lines) + "\n"


def _row(case: Case, kept: KeptSyntheses, registry: Registry) -> PictureRow:
    variant, layout = case.variant, case.sample.layout
    image = kept.image(case.name, (layout.height, layout.width))
    findings = judge_demands(image, variant, registry)
    frame = CloseUp.around_all([variant.before, variant.after], registry)
    changed = changed_structures(variant.before, variant.after)
    before, after = (
        one.with_structures(item for item in one.structures if item in changed)
        for one in (variant.before, variant.after)
    )
    pictures = (
        frame.image(np.asarray(draw_overlay(case.sample.image(), before, registry, labels=False))),
        frame.image(np.asarray(draw_overlay(image, after, registry, labels=False))),
        frame.image(image),
    )
    numbers = ", ".join(f"{one.test}: {one.value:.2f} ({one.limit:g})" for one in findings)
    of = f" of {variant.structure}" if variant.structure else ""
    notes = (f"{variant.anomaly}{of}", variant.severity, _ANSWERS[shows_anomaly(findings)])
    return PictureRow(pictures, notes, f"{case.sample.record.file_name}: {numbers}")
