"""The sheet of counterfactual pairs: source, layouts before and after, syntheses, differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CloseUp, Layout, Registry
from fetalflex.counterfactuals import CounterfactualPair, draw_difference
from fetalflex.counterfactuals.difference import BRIGHTER, DARKER, LARGEST_SHOWN
from fetalflex.data import write_png
from fetalflex.figures.panels import EDGE, PanelPainter
from fetalflex.figures.sheet import Column, Sheet, draw_sheet
from fetalflex.figures.style import NOTICE
from fetalflex.pipeline.synthesis import picture_metadata

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

_CONTEXT = 2.0
"""Sides of what is enlarged, relative to those of what may differ."""

_WORTH_ENLARGING = 0.7


def write_pair_sheet(
    path: Path,
    pairs: Sequence[CounterfactualPair],
    registry: Registry,
    title: str,
    source: str,
    source_is_synthetic: bool = False,
) -> None:
    """Write the sheet of pairs as a new PNG file; see `draw_pair_sheet`."""
    sheet = draw_pair_sheet(pairs, registry, title, source, source_is_synthetic=source_is_synthetic)
    what = "the source image is synthetic too" if source_is_synthetic else "real: the source image"
    write_png(path, sheet, picture_metadata(what))


def draw_pair_sheet(
    pairs: Sequence[CounterfactualPair],
    registry: Registry,
    title: str,
    source: str,
    width: int = 320,
    source_is_synthetic: bool = False,
) -> Picture:
    """Return the sheet of pairs that share their normal synthesis, (H, W, 3) uint8.

    Pictures show the part of the image that the model worked on; where little of it may differ, one row enlarges that.

    Args:
        pairs: At least one, of one image.
        registry: Colours and titles.
        title: Title of the sheet.
        source: What the source image is called.
        width: Width of each picture in pixels.
        source_is_synthetic: The source is no real image.
    """
    kind = "synthetic too" if source_is_synthetic else "real"
    first, normal = pairs[0], pairs[0].normal
    enlarged = _enlarged(first.close_up, np.logical_or.reduce([pair.may_differ for pair in pairs]))
    panels = _Panels(PanelPainter(registry, width), first.close_up, enlarged, first.variant.before)
    return draw_sheet(
        Sheet(
            title=title,
            subtitle=f"Model {normal.model}, seed {normal.seed}, {normal.settings['steps']} steps",
            row_labels=("Layout", "Image", *([] if enlarged is None else ["Enlarged"]), "Difference"),
            columns=(
                Column(f"Source image, {kind}", (panels.overlay(first.source), *panels.images(first.source), None)),
                Column("Normal, synthesis", (panels.layout(None), *panels.images(normal.image), None)),
                *(_column(panels, pair) for pair in pairs),
            ),
            legend=_legend(pairs, registry),
            footer=NOTICE,
            note=f"Source image: {source}. Dashed: where a structure was. Difference: from the normal synthesis.",
        )
    )


def _column(panels: _Panels, pair: CounterfactualPair) -> Column:
    of = f", {pair.variant.structure}" if pair.variant.structure else ""
    return Column(
        f"{pair.variant.severity}{of}".replace("_", " ").capitalize(),
        (panels.layout(pair.variant.after), *panels.images(pair.abnormal.image), panels.difference(pair)),
    )


def _legend(pairs: Sequence[CounterfactualPair], registry: Registry) -> tuple[tuple[tuple[int, int, int], str], ...]:
    names = {name for pair in pairs for layout in (pair.variant.before, pair.variant.after) for name in layout.names()}
    structures = [registry.structure(name) for name in sorted(names)]
    return (
        *((structure.colour, structure.title) for structure in structures),
        (BRIGHTER, f"brighter ({LARGEST_SHOWN} grey levels or more)"),
        (DARKER, f"darker ({LARGEST_SHOWN} grey levels or more)"),
        (EDGE, "where it may differ"),
    )


def _enlarged(part: CloseUp, may_differ: Mask) -> CloseUp | None:
    """Return what to enlarge, inside a part of the image and of its shape; None if it is most of that part."""
    rows, columns = (np.flatnonzero(may_differ.any(axis=axis)) for axis in (1, 0))
    high, wide = int(rows[-1] + 1 - rows[0]), int(columns[-1] + 1 - columns[0])
    scale = min(1.0, _CONTEXT * max(high / part.height, wide / part.width))
    if scale > _WORTH_ENLARGING:
        return None
    width, height = max(1, round(scale * part.width)), max(1, round(scale * part.height))
    x, y = int(columns[0]) + (wide - width) // 2, int(rows[0]) + (high - height) // 2
    return CloseUp(
        min(max(x, part.x), part.x + part.width - width),
        min(max(y, part.y), part.y + part.height - height),
        width,
        height,
    )


@dataclass(frozen=True)
class _Panels:
    """Draw the pictures of a sheet: parts of an image, all of one size."""

    painter: PanelPainter
    part: CloseUp
    enlarged: CloseUp | None
    before: Layout

    def overlay(self, source: Picture) -> Picture:
        """Return the source with the boxes of its layout."""
        return self.painter.overlay(self.part.image(source), self.part.layout(self.before))

    def layout(self, after: Layout | None) -> Picture:
        """Return the map of the layout before, or of that after, with dashes where structures were."""
        before = self.part.layout(self.before)
        return (
            self.painter.layout_map(before)
            if after is None
            else self.painter.layout_map(self.part.layout(after), before)
        )

    def images(self, image: Picture) -> list[Picture]:
        """Return an image and, if that is wanted, what is enlarged of it."""
        size = self.part.layout(self.before)
        return [self.painter.image(part.image(image), size) for part in (self.part, self.enlarged) if part is not None]

    def difference(self, pair: CounterfactualPair) -> Picture:
        """Return the difference of a pair, with the edge of where it may differ."""
        picture = draw_difference(self.part.image(pair.difference))
        return self.painter.marked(picture, self.part.image(pair.may_differ), self.part.layout(self.before))
