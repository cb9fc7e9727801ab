"""Rules: what is possible in a body, and so which variants are refused."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fetalflex.anatomy.anomalies.shapes import (
    Vector,
    holds,
    overlap,
    reach_in_ellipse,
    reach_in_image,
    touching_distance,
)
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry

BONE_OVERLAP = 0.02
"""Share that a structure may have in a bone, since boxes are loose."""
ORGAN_OVERLAP = 0.1
"""Share that a structure may have in another one."""
_ROUNDING = 1e-6
_SHARE_ROUNDING = 0.005


@dataclass(frozen=True, slots=True)
class Rules:
    """Which structures may share a place.

    Args:
        bones: nothing may overlap them.
        surroundings: tissue that other structures lie in, so that any of them may overlap it.
        may_overlap: pairs of structures that may overlap each other.
    """

    bones: frozenset[str] = frozenset()
    surroundings: frozenset[str] = frozenset()
    may_overlap: frozenset[frozenset[str]] = frozenset()

    def merged_with(self, other: Rules) -> Rules:
        """Return the rules of both."""
        return Rules(
            self.bones | other.bones, self.surroundings | other.surroundings, self.may_overlap | other.may_overlap
        )

    def largest_overlap(self, name: str, other: str) -> float:
        """Return the share of the smaller of two structures that may lie in the larger one."""
        if frozenset((name, other)) in self.may_overlap:
            return 1.0
        if other in self.bones or name in self.bones:
            return BONE_OVERLAP
        return 1.0 if self.surroundings & {name, other} else ORGAN_OVERLAP


@dataclass(frozen=True)
class Breach:
    """A rule that a structure breaks, and how.

    Args:
        sentence: for people.
        measure: gives, for a box of the structure, what the rule limits.
        limit: the most that the rule allows.
        way_out: shift in pixels that ends the breach, if any shift in its direction does.
    """

    sentence: str
    measure: Callable[[Box], float]
    limit: float
    way_out: Vector


class Plausibility:
    """Judge layouts that come from a layout by an anomaly.

    A structure is taken as the ellipse that touches its box. Each structure that differs from before

    1. reaches no further than the edge of the plane's outline, and of the image,
    2. shares at most 2 % with a bone,
    3. shares at most 10 % with another structure, except where the rules let the two overlap,

    or no further, and no more, than a structure of its name did before. What lies within a box that a structure of its
    name had before is always possible.

    Args:
        before: the layout to start from.
        registry: says what the outline is.
        rules: says what is bone, and what may overlap.
    """

    def __init__(self, before: Layout, registry: Registry, rules: Rules) -> None:
        self._before = before
        self._registry = registry
        self._rules = rules
        self._outline = registry.plane(before.plane).outline

    def problems(self, layout: Layout) -> list[str]:
        """Return one sentence for each broken rule."""
        return [breach.sentence for i in range(len(layout.structures)) for breach in self.breaches(layout, i)]

    def breaches(self, layout: Layout, position: int) -> Iterator[Breach]:
        """Yield what the structure at a position breaks, boundaries first."""
        item = layout.structures[position]
        old = [known.box for known in self._before.find(item.name)]
        if any(holds(box, item.box) for box in old):
            return
        yield from self._out_of_outline(layout, item, old)
        yield from self._out_of_image(layout, item, old)
        for i, other in enumerate(layout.structures):
            if i != position and self._outline not in (item.name, other.name):
                yield from self._in_another(item, other, old)

    def _out_of_outline(self, layout: Layout, item: PlacedStructure, old: list[Box]) -> Iterator[Breach]:
        outline, old_outline = layout.outline(self._registry), self._before.outline(self._registry)
        if outline is None or item.name == self._outline:
            return
        around = outline.box
        before = [reach_in_ellipse(box, old_outline.box) for box in old] if old_outline else []
        limit = max([1.0, *before]) + _ROUNDING
        if reach_in_ellipse(item.box, around) > limit:
            way_out = around.cx - item.box.cx, around.cy - item.box.cy
            sentence = f"{item.name} would lie partly outside the {outline.name}"
            yield Breach(sentence, lambda box: reach_in_ellipse(box, around), limit, way_out)

    def _out_of_image(self, layout: Layout, item: PlacedStructure, old: list[Box]) -> Iterator[Breach]:
        width, height = layout.width, layout.height
        limit = max([1.0, *(reach_in_image(box, width, height) for box in old)]) + _ROUNDING
        if reach_in_image(item.box, width, height) > limit:
            way_out = _way_into(item.box, width, height)
            sentence = f"{item.name} would lie partly outside the image of {width} x {height} px"
            yield Breach(sentence, lambda box: reach_in_image(box, width, height), limit, way_out)

    def _in_another(self, item: PlacedStructure, other: PlacedStructure, old: list[Box]) -> Iterator[Breach]:
        allowed = self._rules.largest_overlap(item.name, other.name)
        if allowed >= 1 or overlap(item.box, other.box) <= allowed:
            return
        others = [known.box for known in self._before.find(other.name)]
        limit = max([allowed, *(overlap(a, b) for a in old for b in others if a != b)]) + _SHARE_ROUNDING
        if overlap(item.box, other.box) > limit:
            bone = "the bone " if other.name in self._rules.bones else ""
            sentence = f"{item.name} would overlap {bone}{other.name}"
            yield Breach(sentence, functools.partial(overlap, other.box), limit, _way_apart(item.box, other.box))


def _way_into(box: Box, width: float, height: float) -> Vector:
    """Return the shift that centres a box in the image, along the axes on which it sticks out."""
    x0, y0, x1, y1 = box.corners()
    dx = width / 2 - box.cx if x0 < 0 or x1 > width else 0.0
    dy = height / 2 - box.cy if y0 < 0 or y1 > height else 0.0
    return dx, dy


def _way_apart(box: Box, other: Box) -> Vector:
    """Return the shift of a box, away from the centre of another, after which the two ellipses touch."""
    x, y = box.cx - other.cx, box.cy - other.cy
    distance = math.hypot(x, y)
    if distance < _ROUNDING:
        return 0.0, 0.0
    share = touching_distance(other, box, (x / distance, y / distance)) / distance - 1
    return share * x, share * y
