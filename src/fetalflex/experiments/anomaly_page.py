"""The page that lists all anomalies of a library with their sheets, as Markdown made from the library's data."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from fetalflex.abilities import Abilities
from fetalflex.anatomy import Registry
from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary
from fetalflex.experiments.anomaly_plan import SheetPlan
from fetalflex.figures.style import NOTICE

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
_SIGNS = (
    "Fluid is darker than 0.6 times the grey round the box, bright is brighter than 1.3 times; at least such a "
    "share of the box must be so. A ring is the ellipse in the box, by its contrast. Where it was measured: in "
    "how many boxes of held-out real images the sign is found, in how many boxes of the same size put elsewhere, "
    "and in how many boxes of syntheses from the same layouts. Where elsewhere is near to real images, the sign "
    "tells little."
)
_LAST = (
    "The command below each sheet makes its last grade as a pair of its own; the sheet's images share the regions of "
    "all grades, so the pair is another draw. This page and all sheets are made by:"
)


def anomaly_page(
    library: AnomalyLibrary,
    plans: Sequence[SheetPlan],
    registry: Registry,
    model: str,
    seed: int,
    steps: int,
    abilities: Abilities | None = None,
) -> str:
    """Return the page as Markdown.

    Args:
        library: Where the sources' texts come from.
        plans: What is shown of each anomaly.
        registry: Titles of planes and structures.
        model: Identity of the model.
        seed: Seed of every image.
        steps: Denoising steps.
        abilities: What was measured of the model; None if nothing was.
    """
    if abilities is not None and abilities.model != model:
        abilities = None  # those of other weights
    keys = sorted({key for plan in plans for grade in plan.anomaly.severities for key in grade.sources})
    lines = [
        "# Anomalies",
        "",
        f"**{NOTICE}.** Model `{model}`, seed {seed}, {steps} steps.",
        "",
        *(line for paragraph in (*_INTRODUCTION, _LAST) for line in (*_wrapped(paragraph), "")),
        *_command(f"fetalflex experiment anomalies --out docs --seed {seed} --steps {steps} --force"),
        *(line for plan in plans for line in _section(plan, registry, seed, abilities)),
        *_signs(library, registry, abilities),
        "## Sources",
        "",
        *(line for key in keys for line in _wrapped(f"- `{key}`: {library.sources[key].strip()}")),
    ]
    return "\n".join(lines) + "\n"


def _section(plan: SheetPlan, registry: Registry, seed: int, abilities: Abilities | None) -> Iterator[str]:
    anomaly = plan.anomaly
    yield from (f"## {anomaly.title}", "")
    planes = ", ".join(registry.plane(plane).title.lower() for plane in anomaly.planes) or "all planes"
    yield from (*_wrapped(f"`{anomaly.name}`, {planes}. {anomaly.about.strip()}"), "")
    for grade in anomaly.severities:
        cited = f" ({', '.join(f'`{key}`' for key in grade.sources)})" if grade.sources else ""
        drawn = "" if abilities is None else f" Drawn: {abilities.anomaly(anomaly.name, grade.name)}."
        yield from _wrapped(f"- `{grade.name}`: {grade.threshold or 'no threshold in general use'}{cited}.{drawn}")
    yield from ("", *_wrapped(_demands(anomaly)), "")
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


def _demands(anomaly: Anomaly) -> str:
    if not anomaly.demands:
        return "Grey values cannot tell whether an image shows it, so this is not tested."
    if anomaly.for_any:
        return "Tested is whether the structure is seen, or not, where it is, or was, if it has a sign (see below)."
    return f"Tested is: {'; '.join(str(test) for test in anomaly.tests())}."


def _signs(library: AnomalyLibrary, registry: Registry, abilities: Abilities | None) -> Iterator[str]:
    """Yield how structures are recognised, and how well that does in real images if it was measured."""
    yield from ("## How structures are recognised", "")
    yield from (*_wrapped(_SIGNS), "")
    measured = [] if abilities is None else [one for one in abilities.structures if one.real.of]
    heading = ["plane", "structure", "look", "at least", "real images", "elsewhere in them", "syntheses"]
    yield from ("| " + " | ".join(heading) + " |", "|" + "---|" * len(heading))
    for name, sign in library.signs.items():
        found = [one for one in measured if one.structure == name]
        rows = [
            (one.plane, *(f"{hits.seen} of {hits.of}" for hits in (one.real, one.elsewhere, one.drawn)))
            for one in found
        ]
        for plane, *hits in rows or [("-", "-", "-", "-")]:
            cells = [plane, registry.structure(name).title, sign.look, f"{sign.at_least:g}", *hits]
            yield "| " + " | ".join(cells) + " |"
    yield ""


def _needed(anomaly: Anomaly) -> list[str]:
    return sorted({name for change in anomaly.changes for name in change.needs()})


def _command(text: str) -> tuple[str, ...]:
    return ("```sh", text, "```", "")


def _wrapped(text: str) -> list[str]:
    indent = "  " if text.startswith("- ") else ""
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
