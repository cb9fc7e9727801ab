"""The page that lists all anomalies of a library with their sheets, as Markdown made from the library's data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fetalflex.anatomy import Registry
from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary
from fetalflex.experiments.anomaly_plan import SheetPlan
from fetalflex.experiments.sheet import NOTICE

_WIDTH = 140
_INTRODUCTION = (
    "Each anomaly of the library, in all its grades, on an example that suits it. A sheet starts with the real image "
    "and its layout; then come a normal synthesis from that layout, and one synthesis per grade. All have the same "
    "background and start from the same noise, and a grade differs from the normal synthesis only inside the region "
    "whose edge is drawn on the difference: round what the anomaly changes. Everywhere else they are equal, pixel for "
    "pixel.",
    "Pictures show the part of the image that the model works on. The layouts are what was asked for; how well a "
    "synthesis follows them depends on the model's weights. No clinician has judged the images. "
    "Source images keep the licence of the data set that they come from (`examples/ATTRIBUTION.md`).",
)
_LAST = (
    "The command below each sheet makes its last grade as a pair of its own; where a grade changes the outline, the "
    "sheet's images share a wider region, so the pair is another draw. This page and all sheets are made by:"
)


def anomaly_page(
    library: AnomalyLibrary, plans: Sequence[SheetPlan], registry: Registry, model: str, seed: int, steps: int
) -> str:
    """Return the page as Markdown.

    Args:
        library: Where the sources' texts come from.
        plans: What is shown of each anomaly.
        registry: Titles of planes and structures.
        model: Identity of the model.
        seed: Seed of every image.
        steps: Denoising steps.
    """
    keys = sorted({key for plan in plans for grade in plan.anomaly.severities for key in grade.sources})
    lines = [
        "# Anomalies",
        "",
        f"**{NOTICE}.** Model `{model}`, seed {seed}, {steps} steps.",
        "",
        *(line for paragraph in (*_INTRODUCTION, _LAST) for line in (*_wrapped(paragraph), "")),
        *_command(f"fetalflex experiment anomalies --out docs --seed {seed} --steps {steps} --force"),
        *(line for plan in plans for line in _section(plan, registry, seed)),
        "## Sources",
        "",
        *(line for key in keys for line in _wrapped(f"- `{key}`: {library.sources[key].strip()}")),
    ]
    return "\n".join(lines) + "\n"


def _section(plan: SheetPlan, registry: Registry, seed: int) -> Iterator[str]:
    anomaly = plan.anomaly
    yield from (f"## {anomaly.title}", "")
    planes = ", ".join(registry.plane(plane).title.lower() for plane in anomaly.planes) or "all planes"
    yield from (*_wrapped(f"`{anomaly.name}`, {planes}. {anomaly.about.strip()}"), "")
    for grade in anomaly.severities:
        cited = f" ({', '.join(f'`{key}`' for key in grade.sources)})" if grade.sources else ""
        yield from _wrapped(f"- `{grade.name}`: {grade.threshold or 'no threshold in general use'}{cited}")
    yield ""
    if plan.record is None:
        needed = ", ".join(_needed(anomaly))
        yield from (*_wrapped(f"Not shown: no example lets it be drawn. The layout must hold {needed}."), "")
        return
    yield from (f"![{anomaly.title}: source, layouts, syntheses, differences]({plan.file_name})", "")
    shown = plan.variants[-1]
    of = f" --structure {shown.structure}" if shown.structure else ""
    yield from _command(
        f"fetalflex counterfactual {plan.record.file_name} --dataset examples --anomaly {anomaly.name} "
        f"--severity {shown.severity}{of} --seed {seed} --out out/{anomaly.name}"
    )


def _needed(anomaly: Anomaly) -> list[str]:
    return sorted({name for change in anomaly.changes for name in change.needs()})


def _command(text: str) -> tuple[str, ...]:
    return ("```sh", text, "```", "")


def _wrapped(text: str) -> list[str]:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
