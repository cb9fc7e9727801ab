"""The sheet of counterfactual pairs: source, layouts before and after, syntheses, differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Registry
from fetalflex.counterfactuals import CounterfactualPair, draw_difference
from fetalflex.counterfactuals.difference import BRIGHTER, DARKER, LARGEST_SHOWN
from fetalflex.data import write_png
from fetalflex.experiments.panels import EDGE, PanelPainter
from fetalflex.experiments.sheet import NOTICE, Column, Sheet, draw_sheet
from fetalflex.synthesis import picture_metadata

_ROW_LABELS = ("Layout", "Image", "Difference from normal")
Picture = NDArray[np.uint8]


def write_pair_sheet(
    path: Path, pairs: Sequence[CounterfactualPair], registry: Registry, title: str, source: str
) -> None:
    """Write the sheet of pairs as a new PNG file; see `draw_pair_sheet`."""
    write_png(path, draw_pair_sheet(pairs, registry, title, source), picture_metadata("real: the source image"))


def draw_pair_sheet(
    pairs: Sequence[CounterfactualPair], registry: Registry, title: str, source: str, width: int = 320
) -> Picture:
    """Return the sheet of pairs that share their normal synthesis, (H, W, 3) uint8.

    All pictures show the part of the image that the model worked on.

    Args:
        pairs: At least one, of one image.
        registry: Colours and titles.
        title: Title of the sheet.
        source: What the real image is called.
        width: Width of each picture in pixels.
    """
    first, normal = pairs[0], pairs[0].normal
    painter, part, before = PanelPainter(registry, width), first.close_up, first.close_up.layout(first.variant.before)
    columns = [
        Column("Source image, real", (*_shown(painter, first, first.source), None)),
        Column(
            "Normal, synthesis",
            (painter.layout_map(before), painter.image(part.image(normal.image), before), None),
        ),
        *(_column(painter, pair) for pair in pairs),
    ]
    names = {name for pair in pairs for layout in (pair.variant.before, pair.variant.after) for name in layout.names()}
    structures = [registry.structure(name) for name in sorted(names)]
    sheet = Sheet(
        title=title,
        subtitle=f"Model {normal.model}, seed {normal.seed}, {normal.settings['steps']} steps",
        row_labels=_ROW_LABELS,
        columns=tuple(columns),
        legend=(
            *((structure.colour, structure.title) for structure in structures),
            (BRIGHTER, f"brighter ({LARGEST_SHOWN} grey levels or more)"),
            (DARKER, f"darker ({LARGEST_SHOWN} grey levels or more)"),
            (EDGE, "where they may differ"),
        ),
        footer=NOTICE,
        note=f"Source image: {source}. Dashed: where a structure was before.",
    )
    return draw_sheet(sheet)


def _shown(painter: PanelPainter, pair: CounterfactualPair, image: Picture) -> tuple[Picture, Picture]:
    """Return an image with the boxes of the layout before, and alone."""
    part, before = pair.close_up, pair.close_up.layout(pair.variant.before)
    shown = np.ascontiguousarray(part.image(image))
    return painter.overlay(shown, before), painter.image(shown, before)


def _column(painter: PanelPainter, pair: CounterfactualPair) -> Column:
    part = pair.close_up
    before, after = part.layout(pair.variant.before), part.layout(pair.variant.after)
    image, region = np.ascontiguousarray(part.image(pair.abnormal.image)), part.image(pair.may_differ)
    difference = draw_difference(np.ascontiguousarray(part.image(pair.difference)))
    of = f" of {pair.variant.structure}" if pair.variant.structure else ""
    title = f"{pair.variant.anomaly}{of}, {pair.variant.severity}".replace("_", " ").capitalize()
    return Column(
        title,
        (
            painter.layout_map(after, before),
            painter.image(image, after),
            painter.marked(difference, np.ascontiguousarray(region), after),
        ),
    )
