"""Additions: a structure that was not there, placed by its relation to others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from fetalflex.anatomy.anomalies.changes import Amount, Change, resolved
from fetalflex.anatomy.anomalies.directions import DIRECTIONS
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.anatomy.anomalies.shapes import Vector, touching_distance
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.edits import Add, Edit
from fetalflex.anatomy.layout import MAX_STRUCTURES
from fetalflex.checks import one_of, whole_number
from fetalflex.errors import FetalFlexError


@dataclass(frozen=True, kw_only=True)
class PlaceNew(Change):
    """Add a structure where a relation puts it; exactly one of `touching`, `opposite` and `centre_of` is given.

    Args:
        like: structure whose size it is compared with.
        size: the square root of its area, as a share of that of `like`, > 0.
        aspect: its width divided by its height, > 0; None = that of `like`.
        along: direction that its width follows; None = that of `like`.
        touching: structure that it touches, on the side `towards`: the ellipses in the two boxes meet in one point.
        towards: direction from the centre of what it touches to its own.
        turn: degrees clockwise by which it lies off that direction.
        opposite: structure at whose mirror image across the midline it lies.
        centre_of: structures; it lies at the centre of the first that the layout holds.
        up_to: nothing is added where the layout holds that many of its name; None = always added.
    """

    kind: ClassVar[str] = "add"
    positive: ClassVar[tuple[str, ...]] = ("size", "aspect")
    like: str
    size: Amount
    aspect: Amount | None = None
    along: str | None = None
    touching: str | None = None
    towards: str | None = None
    turn: Amount = 0.0
    opposite: str | None = None
    centre_of: tuple[str, ...] = ()
    up_to: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum((self.touching is not None, self.opposite is not None, bool(self.centre_of))) != 1:
            raise FetalFlexError("add needs one of touching, opposite and centre_of, which say where it lies")
        if (self.touching is None) != (self.towards is None):
            raise FetalFlexError("touching and towards go together: what it touches, and on which side")
        for field, direction in (("towards", self.towards), ("along", self.along)):
            if direction is not None:
                one_of(direction, field, DIRECTIONS)
        if self.up_to is not None:
            whole_number(self.up_to, "up_to", 1, MAX_STRUCTURES)

    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""
        return {"size": self.size, "aspect": self.aspect, "turn": self.turn}

    def needs(self) -> tuple[str, ...]:
        """Return the structures that the layout must hold."""
        related = (self.like, self.touching, self.opposite)
        return () if self.optional else tuple(name for name in related if name is not None)

    def mentions(self) -> tuple[str, ...]:
        """Return all structures that the change names."""
        related = (self.structure, self.like, self.touching, self.opposite, *self.centre_of)
        return tuple(dict.fromkeys(name for name in related if name is not None))

    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits, in pixels."""
        if self.up_to is not None and len(scene.positions(self.structure)) >= self.up_to:
            return ()
        if self.optional and not all(scene.positions(name) for name in replace(self, optional=False).needs()):
            return ()
        box = self._shape(scene, values)
        cx, cy = self._centre(box, scene, values)
        return (Add(self.structure, cx, cy, box.width, box.height, box.angle),)

    def _shape(self, scene: Scene, values: Mapping[str, float]) -> Box:
        """Return the new box, its centre still that of `like`."""
        like, size = scene.largest(self.like), resolved(self.size, values)
        width, height = size * like.width, size * like.height
        if self.aspect is not None:
            root, aspect = size * math.sqrt(like.area), resolved(self.aspect, values)
            width, height = root * math.sqrt(aspect), root / math.sqrt(aspect)
        box = replace(like, width=width, height=height)
        return box if self.along is None else _turned_along(box, scene.direction(self.along))

    def _centre(self, box: Box, scene: Scene, values: Mapping[str, float]) -> Vector:
        if self.touching is not None and self.towards is not None:
            other = scene.largest(self.touching)
            direction = _turned(scene.direction(self.towards), resolved(self.turn, values))
            distance = touching_distance(other, box, direction)
            return other.cx + distance * direction[0], other.cy + distance * direction[1]
        if self.opposite is not None:
            other = scene.largest(self.opposite)
            x, y = scene.offset_from_midline(other)
            return other.cx - 2 * x, other.cy - 2 * y
        held = next((name for name in self.centre_of if scene.positions(name)), self.centre_of[0])
        other = scene.largest(held)
        return other.cx, other.cy


def _turned(direction: Vector, degrees: float) -> Vector:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return direction[0] * cos - direction[1] * sin, direction[0] * sin + direction[1] * cos


def _turned_along(box: Box, direction: Vector) -> Box:
    """Return the box with its width along a direction; the angle is kept within 45 degrees by exchanging the sides."""
    degrees = math.degrees(math.atan2(direction[1], direction[0]))
    turned = replace(box, angle=degrees)
    if -45 <= turned.angle <= 45:
        return turned
    return replace(box, width=box.height, height=box.width, angle=turned.angle + 90)
