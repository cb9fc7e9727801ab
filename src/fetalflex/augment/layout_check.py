"""Does a single image show what its layout says? Told for stomach and skull, by simple image processing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, Registry
from fetalflex.evaluation.adherence import bright_ring, dark_area

Image = NDArray[np.uint8]

_STOMACH, _SKULL = "stomach", "skull"


def layout_numbers(image: Image, before: Layout, after: Layout, registry: Registry) -> dict[str, float]:
    """Return what is measured where structures are, or were before they were taken away.

    - `stomach_dark_share`: see `dark_share`, in the box of the stomach.
    - `removed_stomach_dark_share`: the same where the layout before had its stomach.
    - `skull_contrast`: see `ring_contrast`.

    Args:
        image: (H, W) uint8.
        before: What the source shows.
        after: What the image shall show.
        registry: Knows the outline.
    """
    body = _body(after, registry) or _body(before, registry)
    numbers = dict(_measured(image, before, after, body))
    return {name: round(value, 4) for name, value in numbers.items() if not math.isnan(value)}


def ignored_structure(numbers: dict[str, float]) -> str | None:
    """Return the structure that an image does not show as its layout says, told by `layout_numbers`; None if all do."""
    if numbers.get("stomach_dark_share", 1.0) < dark_area.PRESENT:
        return _STOMACH
    if numbers.get("removed_stomach_dark_share", 0.0) >= dark_area.PRESENT:
        return _STOMACH
    return _SKULL if numbers.get("skull_contrast", 1.0) < bright_ring.PRESENT else None


def _measured(image: Image, before: Layout, after: Layout, body: Box | None) -> Iterator[tuple[str, float]]:
    if after.find(_STOMACH):
        yield "stomach_dark_share", dark_area.dark_share(image, after.largest(_STOMACH).box, body)
    elif before.find(_STOMACH):
        yield "removed_stomach_dark_share", dark_area.dark_share(image, before.largest(_STOMACH).box, body)
    if after.find(_SKULL):
        yield "skull_contrast", bright_ring.ring_contrast(image, after.largest(_SKULL).box)


def _body(layout: Layout, registry: Registry) -> Box | None:
    outline = layout.outline(registry)
    return None if outline is None else outline.box
