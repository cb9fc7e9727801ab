"""Changes: what an anomaly does to a layout, as data. Each turns into edits once its numbers are drawn."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias, TypeVar

from fetalflex.anatomy.anomalies.directions import DIRECTIONS
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.anatomy.anomalies.shapes import Vector
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.edits import Add, Edit, Move, Remove, Scale
from fetalflex.checks import finite_number, one_of, shown
from fetalflex.errors import FetalFlexError

ANY = "any"
"""Stands for the structure that the user names."""

Amount: TypeAlias = float | str
"""A number, or the name of a value that is drawn."""

SIDES = ("both", "short", "long", "across", "facing")
_SHORTEST_PIECE = 0.1

_Change = TypeVar("_Change", bound="Change")


@dataclass(frozen=True, kw_only=True)
class Change(ABC):
    """Change one structure.

    Args:
        structure: canonical name, or `any` for the one that the user names.
        optional: whether the change is left out where the layout lacks the structure.
    """

    kind: ClassVar[str]
    positive: ClassVar[tuple[str, ...]] = ()
    structure: str
    optional: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.optional, bool):
            raise FetalFlexError(f"optional must be true or false, got {shown(self.optional)}")

    @abstractmethod
    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""

    @abstractmethod
    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits, in pixels, or raise FetalFlexError that says why they cannot be."""

    def needs(self) -> tuple[str, ...]:
        """Return the structures that the layout must hold."""
        return () if self.optional else (self.structure,)

    def mentions(self) -> tuple[str, ...]:
        """Return all structures that the change names."""
        return (self.structure,)

    def repairable(self) -> bool:
        """Return whether the structure may be moved afterwards to make the variant possible."""
        return False

    def for_structure(self: _Change, name: str) -> _Change:
        """Return the change with `any` replaced."""
        return replace(self, structure=name) if self.structure == ANY else self


@dataclass(frozen=True, kw_only=True)
class ChangeSize(Change):
    """Resize a structure. What lies in the plane's outline follows it, by the rule of `fetalflex.anatomy.contents`.

    Each structure of the name is changed, but of several outlines the largest alone.

    Args:
        factor: for the side, > 0.
        mm: length of the side in mm, used in place of `factor` where the layout's pixel spacing is known.
        side: which side is meant: `both`; the `short` or the `long` one; the one `across` the midline; the one `facing`
            the kept edge.
        follow: how the other side follows: it is multiplied by factor ** follow; 0 = stays, 1 = likewise.
        keep: direction of the edge that stays in its place, repairs aside; None = the centre stays.
    """

    kind: ClassVar[str] = "resize"
    positive: ClassVar[tuple[str, ...]] = ("factor", "mm")
    factor: Amount
    mm: Amount | None = None
    side: str = "both"
    follow: Amount = 0.0
    keep: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.side, "side", SIDES)
        if self.keep is not None:
            one_of(self.keep, "keep", DIRECTIONS)
        if self.side == "facing" and self.keep is None:
            raise FetalFlexError("side 'facing' needs keep, the direction of the edge that stays")
        if self.side == "both" and self.mm is not None:
            raise FetalFlexError("mm needs a side; 'both' does not say which one is measured")

    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""
        return {"factor": self.factor, "mm": self.mm, "follow": self.follow}

    def repairable(self) -> bool:
        """Return whether the structure may be moved afterwards to make the variant possible."""
        return True

    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits, in pixels."""
        outline = scene.is_outline(self.structure)
        made: list[Edit] = []
        for position in scene.positions(self.structure):
            box = scene.layout.structures[position].box
            fx, fy = self._factors(box, scene, values)
            if outline and box == scene.outline():
                made.append(Scale(scene.reference(position), fx, fy))
            elif not outline:
                made.append(Scale(scene.reference(position), fx, fy))
                if self.keep is not None:
                    made.append(_kept_edge(scene, position, fx, fy, scene.direction(self.keep)))
        return tuple(made)

    def _factors(self, box: Box, scene: Scene, values: Mapping[str, float]) -> tuple[float, float]:
        factor = resolved(self.factor, values)
        if self.side == "both":
            return factor, factor
        along_x = self._is_width(box, scene)
        spacing = scene.layout.pixel_spacing_mm
        if self.mm is not None and spacing is not None:
            length = spacing * (box.width if along_x else box.height)
            factor = self._factor_to_mm(resolved(self.mm, values), length, factor)
        other = factor ** resolved(self.follow, values)
        return (factor, other) if along_x else (other, factor)

    def _factor_to_mm(self, mm: float, length: float, factor: float) -> float:
        """Return the factor from a length to another, both in mm; it must go the same way as the relative factor."""
        to_mm = mm / length
        if (to_mm - 1) * (factor - 1) < 0:
            change = "enlarge" if factor > 1 else "shrink"
            raise FetalFlexError(
                f"the box of {self.structure} measures {length:.1f} mm, which {mm:.1f} mm does not {change}"
            )
        return to_mm

    def _is_width(self, box: Box, scene: Scene) -> bool:
        """Return whether the side that is meant is the box's width."""
        if self.side == "facing" and self.keep is not None:
            return _is_along_width(box, scene.direction(self.keep))
        midline = scene.midline() if self.side == "across" else None
        if midline is not None:
            return not _is_along_width(box, midline)
        return (box.width >= box.height) == (self.side == "long")


@dataclass(frozen=True, kw_only=True)
class Displace(Change):
    """Move a structure. What lies in the plane's outline follows it, by the rule of `fetalflex.anatomy.contents`.

    All structures of the name are moved alike.

    Args:
        bearing: degrees clockwise from the image's right.
        distance: as a share of the structure's own size, the square root of the area of its largest box.
    """

    kind: ClassVar[str] = "move"
    bearing: Amount
    distance: Amount

    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""
        return {"bearing": self.bearing, "distance": self.distance}

    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits, in pixels."""
        if not scene.positions(self.structure):
            return ()
        distance = resolved(self.distance, values) * math.sqrt(scene.largest(self.structure).area)
        bearing = math.radians(resolved(self.bearing, values))
        dx, dy = distance * math.cos(bearing), distance * math.sin(bearing)
        return (Move(self.structure, dx, dy),)


@dataclass(frozen=True, kw_only=True)
class Reflect(Change):
    """Carry a structure to the other side of the midline; its box keeps its angle.

    Args:
        share: of the way: 1 ends at the mirror image, 0.5 on the midline.
    """

    kind: ClassVar[str] = "reflect"
    share: Amount = 1.0

    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""
        return {"share": self.share}

    def repairable(self) -> bool:
        """Return whether the structure may be moved afterwards to make the variant possible."""
        return True

    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits, in pixels."""
        share = resolved(self.share, values)
        made = []
        for position in scene.positions(self.structure):
            x, y = scene.offset_from_midline(scene.layout.structures[position].box)
            made.append(Move(scene.reference(position), -2 * share * x, -2 * share * y))
        return tuple(made)


@dataclass(frozen=True, kw_only=True)
class TakeAway(Change):
    """Take all structures of a name away."""

    kind: ClassVar[str] = "remove"

    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""
        return {}

    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits; nothing is drawn."""
        del values
        if scene.is_outline(self.structure):
            raise FetalFlexError(
                f"{self.structure} is the plane's outline, which holds all others; it cannot be absent"
            )
        return (Remove(self.structure),) if scene.positions(self.structure) else ()


@dataclass(frozen=True, kw_only=True)
class Split(Change):
    """Interrupt a structure: two pieces with a gap in its long side. Of several the largest is split.

    Args:
        gap: width of the gap as a share of the long side.
        mm: width of the gap in mm, used in place of `gap` where the layout's pixel spacing is known.
        at: where the middle of the gap lies, as a share of the long side.
    """

    kind: ClassVar[str] = "split"
    positive: ClassVar[tuple[str, ...]] = ("gap", "mm")
    gap: Amount
    mm: Amount | None = None
    at: Amount = 0.5

    def amounts(self) -> dict[str, Amount | None]:
        """Return the fields that hold numbers or names of values."""
        return {"gap": self.gap, "mm": self.mm, "at": self.at}

    def edits(self, scene: Scene, values: Mapping[str, float]) -> tuple[Edit, ...]:
        """Return the edits, in pixels."""
        positions = scene.positions(self.structure)
        if not positions:
            return ()
        position = max(positions, key=lambda i: scene.layout.structures[i].box.area)
        box = scene.layout.structures[position].box
        length, gap, at = max(box.width, box.height), resolved(self.gap, values), resolved(self.at, values)
        if self.mm is not None and scene.layout.pixel_spacing_mm is not None:
            gap = resolved(self.mm, values) / (length * scene.layout.pixel_spacing_mm)
        first, second = at - gap / 2, 1 - at - gap / 2
        if min(first, second) < _SHORTEST_PIECE:
            raise FetalFlexError(f"a gap of {gap:.0%} at {at:.0%} leaves too little of {self.structure}")
        kept, new = _piece(box, first, (first - 1) / 2), _piece(box, second, (1 - second) / 2)
        reference = scene.reference(position)
        return (
            Scale(reference, kept.width / box.width, kept.height / box.height),
            Move(reference, kept.cx - box.cx, kept.cy - box.cy),
            Add(self.structure, new.cx, new.cy, new.width, new.height, new.angle),
        )


def resolved(amount: Amount, values: Mapping[str, float]) -> float:
    """Return the number, or the drawn value of that name."""
    return values[amount] if isinstance(amount, str) else finite_number(amount, "amount")


def _is_along_width(box: Box, direction: Vector) -> bool:
    """Return whether a direction runs along a box's width rather than along its height."""
    cos, sin = box.cos_sin()
    return abs(direction[0] * cos + direction[1] * sin) >= abs(direction[1] * cos - direction[0] * sin)


def _kept_edge(scene: Scene, position: int, fx: float, fy: float, keep: Vector) -> Move:
    """Return the move that, after scaling, puts the edge facing `keep` back to its place."""
    box = scene.layout.structures[position].box
    cos, sin = box.cos_sin()
    if _is_along_width(box, keep):
        axis, growth = (cos, sin), (fx - 1) * box.width / 2
    else:
        axis, growth = (-sin, cos), (fy - 1) * box.height / 2
    sign = -1 if axis[0] * keep[0] + axis[1] * keep[1] > 0 else 1
    return Move(scene.reference(position), sign * growth * axis[0], sign * growth * axis[1])


def _piece(box: Box, share: float, middle: float) -> Box:
    """Return the part of a box that takes a share of its long side; `middle` is from its centre, in long sides."""
    if box.width >= box.height:
        cx, cy = box.point(middle * box.width, 0.0)
        return replace(box, cx=cx, cy=cy, width=share * box.width)
    cx, cy = box.point(0.0, middle * box.height)
    return replace(box, cx=cx, cy=cy, height=share * box.height)
