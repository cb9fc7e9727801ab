"""Directions: what anterior, left or image_up mean on a layout.

Anatomical directions are the fetus's own: its left is where its stomach lies, whichever way it is turned in the image.
They are found from landmarks in the layout, and so turn with it. `image_right`, `image_left`, `image_up` and
`image_down` are the viewer's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from fetalflex.anatomy.anomalies.shapes import Vector
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import did_you_mean, shown
from fetalflex.errors import FetalFlexError

OPPOSITES = {
    "anterior": "posterior",
    "posterior": "anterior",
    "left": "right",
    "right": "left",
    "cranial": "caudal",
    "caudal": "cranial",
}
IMAGE_DIRECTIONS: dict[str, Vector] = {
    "image_right": (1.0, 0.0),
    "image_left": (-1.0, 0.0),
    "image_down": (0.0, 1.0),
    "image_up": (0.0, -1.0),
}
DIRECTIONS = (*OPPOSITES, *IMAGE_DIRECTIONS)
_SHORTEST = 1e-6


@dataclass(frozen=True, slots=True)
class Axis:
    """One anatomical direction of a plane.

    Args:
        towards: `anterior`, `posterior`, `left`, `right`, `cranial` or `caudal`.
        landmarks: pairs of structures; the direction runs from the centre of the first to that of the second. The first
            pair that the layout holds counts; of several structures of a name the largest.
    """

    towards: str
    landmarks: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        if self.towards not in OPPOSITES:
            known = ", ".join(OPPOSITES)
            raise FetalFlexError(f"direction {shown(self.towards)} is not anatomical; known are {known}")
        if not self.landmarks:
            raise FetalFlexError(f"direction {self.towards} needs at least one pair of landmarks")


@dataclass(frozen=True, slots=True)
class PlaneDirections:
    """The directions of one plane.

    Args:
        plane: canonical name.
        axes: one or two. The second is taken at a right angle to the first, where the first is known.
        along_outline: whether the first is turned to the nearest side of the outline's box, as it should be for a head,
            whose box is longer from front to back.
    """

    plane: str
    axes: tuple[Axis, ...]
    along_outline: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.axes) <= 2:
            raise FetalFlexError(f"directions of {self.plane} must be one or two, got {len(self.axes)}")
        towards = [axis.towards for axis in self.axes]
        if len(towards) == 2 and towards[1] in (towards[0], OPPOSITES[towards[0]]):
            raise FetalFlexError(f"directions of {self.plane}: {towards[0]} and {towards[1]} lie on one line")


class Directions:
    """Find directions on layouts.

    Args:
        planes: what is known; a later entry for a plane replaces an earlier one.
    """

    def __init__(self, planes: Iterable[PlaneDirections] = ()) -> None:
        self._planes = {entry.plane: entry for entry in planes}

    @property
    def planes(self) -> tuple[PlaneDirections, ...]:
        """What is known, by plane."""
        return tuple(self._planes.values())

    def names(self, plane: str) -> tuple[str, ...]:
        """Return the directions that have a meaning on a plane."""
        axes = self._planes[plane].axes if plane in self._planes else ()
        return (*(name for axis in axes for name in (axis.towards, OPPOSITES[axis.towards])), *IMAGE_DIRECTIONS)

    def find(self, name: str, layout: Layout, registry: Registry) -> Vector:
        """Return a direction as a unit vector, x to the right and y down.

        Raises:
            FetalFlexError: it has no meaning on the layout's plane, or the layout holds none of its landmarks.
        """
        if name in IMAGE_DIRECTIONS:
            return IMAGE_DIRECTIONS[name]
        entry = self._planes.get(layout.plane)
        for i, axis in enumerate(entry.axes if entry else ()):
            if name in (axis.towards, OPPOSITES[axis.towards]):
                found = self._axis(i, layout, registry)
                if found is None:
                    pairs = " or ".join(f"{start} and {end}" for start, end in axis.landmarks)
                    raise FetalFlexError(f"which way is {name} cannot be told; the layout needs {pairs}, at two places")
                return found if name == axis.towards else (-found[0], -found[1])
        known = self.names(layout.plane)
        raise FetalFlexError(
            f"direction {shown(name)} has no meaning on the plane {layout.plane}; "
            f"known are {', '.join(known)}.{did_you_mean(name, known)}"
        )

    def midline(self, layout: Layout, registry: Registry) -> Vector | None:
        """Return the first direction of the plane, else that of the outline's longer side; None without an outline."""
        found = self._axis(0, layout, registry) if layout.plane in self._planes else None
        outline = layout.outline(registry)
        if found is not None or outline is None:
            return found
        cos, sin = outline.box.cos_sin()
        return (cos, sin) if outline.box.width >= outline.box.height else (-sin, cos)

    def _axis(self, index: int, layout: Layout, registry: Registry) -> Vector | None:
        entry = self._planes[layout.plane]
        found = _from_landmarks(entry.axes[index], layout)
        if found is None:
            return None
        if index == 0:
            return _along_outline(found, layout, registry) if entry.along_outline else found
        first = self._axis(0, layout, registry)
        if first is None:
            return found
        dot = found[0] * first[0] + found[1] * first[1]
        return _unit(found[0] - dot * first[0], found[1] - dot * first[1])


def _from_landmarks(axis: Axis, layout: Layout) -> Vector | None:
    for names in axis.landmarks:
        start, end = (max(layout.find(name), key=lambda item: item.box.area, default=None) for name in names)
        if start is None or end is None:
            continue
        found = _unit(end.box.cx - start.box.cx, end.box.cy - start.box.cy)
        if found is not None:
            return found
    return None


def _along_outline(direction: Vector, layout: Layout, registry: Registry) -> Vector:
    outline = layout.outline(registry)
    if outline is None:
        return direction
    cos, sin = outline.box.cos_sin()
    sides = ((cos, sin), (-cos, -sin), (-sin, cos), (sin, -cos))
    return max(sides, key=lambda side: side[0] * direction[0] + side[1] * direction[1])


def _unit(x: float, y: float) -> Vector | None:
    length = math.hypot(x, y)
    return None if length < _SHORTEST else (x / length, y / length)
