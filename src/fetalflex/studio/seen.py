"""Whether a synthesis shows what an edit asked for, as far as the detector can tell."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from fetalflex.anatomy import Box, Layout, changed_structures

if TYPE_CHECKING:
    from fetalflex.detection import Detection

LEAST_OVERLAP = 0.3
"""Intersection over union from which on a box that was found is taken for the one that was asked for."""


def misses(before: Layout, after: Layout, found: Detection, known: Collection[str]) -> list[str]:
    """Return one sentence for each structure that an edit placed or took away, and that the detector sees otherwise.

    Args:
        before: What the source shows.
        after: What was asked for.
        found: What the detector finds in the synthesis; at most one box per structure.
        known: Structures that the detector knows on this plane.
    """
    changed = changed_structures(before, after)
    sentences = []
    for name in dict.fromkeys(item.name for item in changed):
        if name not in known:
            continue
        seen = [item.box for item in found.layout.find(name)]
        wanted = [item.box for item in after.find(name)]
        called = name.replace("_", " ")
        if wanted and not _meets(seen, wanted):
            sentences.append(f"the detector does not find the {called} where it was asked for")
        elif not wanted and _meets(seen, [item.box for item in before.find(name)]):
            sentences.append(f"the detector still finds the {called}, which was taken away")
    return sentences


def _meets(seen: list[Box], wanted: list[Box]) -> bool:
    return any(one.iou(other) >= LEAST_OVERLAP for one in seen for other in wanted)
