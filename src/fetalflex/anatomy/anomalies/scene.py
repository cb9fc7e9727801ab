"""Scene: a layout, with what is known about its anatomy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fetalflex.anatomy.anomalies.directions import Directions
from fetalflex.anatomy.anomalies.shapes import Vector
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.edits import Edit
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError


@dataclass(frozen=True)
class Scene:
    """Answer questions about a layout that changes need to know."""

    layout: Layout
    registry: Registry
    directions: Directions

    def after(self, edits: Iterable[Edit]) -> Scene:
        """Return the scene after edits."""
        layout = self.layout
        for edit in edits:
            layout = edit.apply(layout, self.registry)
        return replace(self, layout=layout)

    def positions(self, name: str) -> list[int]:
        """Return where structures of a canonical name stand in the layout."""
        return [i for i, item in enumerate(self.layout.structures) if item.name == name]

    def reference(self, position: int) -> str:
        """Return how edits name the structure at a position: its name, with an index if there are several."""
        return self.layout.reference(position)

    def largest(self, name: str) -> Box:
        """Return the largest box of a canonical name, or raise FetalFlexError."""
        return self.layout.largest(name).box

    def outline(self) -> Box | None:
        """Return the box of the plane's outline, if the layout holds it."""
        found = self.layout.outline(self.registry)
        return None if found is None else found.box

    def is_outline(self, name: str) -> bool:
        """Return whether a structure is the outline of the layout's plane."""
        return self.registry.plane(self.layout.plane).outline == name

    def direction(self, name: str) -> Vector:
        """Return a direction as a unit vector, or raise FetalFlexError."""
        return self.directions.find(name, self.layout, self.registry)

    def midline(self) -> Vector | None:
        """Return the direction of the line between the two sides of the body, from back to front where known."""
        return self.directions.midline(self.layout, self.registry)

    def offset_from_midline(self, box: Box) -> Vector:
        """Return the vector to a box's centre from the nearest point of the midline, which runs through the outline.

        Raises:
            FetalFlexError: the layout has no outline, or its midline cannot be told.
        """
        outline, midline = self.outline(), self.midline()
        if outline is None or midline is None:
            raise FetalFlexError("where the midline runs cannot be told; the layout needs the plane's outline")
        x, y = box.cx - outline.cx, box.cy - outline.cy
        along = x * midline[0] + y * midline[1]
        return x - along * midline[0], y - along * midline[1]
