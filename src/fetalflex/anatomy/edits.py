"""Edits: what can be done to a layout. Each is a value; `apply` gives a new layout.

Where the plane's outline (skull, abdomen, thorax) is moved, scaled, resized or turned, what lies in it goes along,
unless the edit is for the outline `alone`; see `contents`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypeAlias

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.contents import BoxChange, scaled_along, with_contents
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import finite_number, one_of, positive_number, shown
from fetalflex.errors import FetalFlexError

UNITS = ("px", "fraction", "mm")
AXES = ("horizontal", "vertical")
_REFERENCE = re.compile(r"(?P<name>[^\[\]]+?)\s*(?:\[(?P<index>\d{1,6})\])?")


@dataclass(frozen=True, slots=True)
class Move:
    """Move a structure.

    Args:
        structure: name or synonym; with an index, as in `lateral_ventricle[1]`, only this one of several.
        dx: to the right.
        dy: down.
        unit: `px`, `fraction` (of the image's width for dx, of its height for dy) or `mm`.
        alone: of an outline, leave what lies in it where it is.
    """

    kind: ClassVar[str] = "move"
    structure: str
    dx: float
    dy: float
    unit: str = "px"
    alone: bool = False

    def __post_init__(self) -> None:
        _check_fields(self, finite=("dx", "dy"))

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the edited layout."""
        dx, dy = _in_pixels(self.dx, self.dy, self.unit, layout)
        return _with_changed_boxes(self, layout, registry, lambda box, _: box.translated(dx, dy))


@dataclass(frozen=True, slots=True)
class Scale:
    """Scale a structure about its centre.

    Args:
        structure: name or synonym, with or without an index.
        fx: factor for its width, > 0.
        fy: factor for its height, > 0; None = fx.
        alone: of an outline, leave what lies in it where it is.
    """

    kind: ClassVar[str] = "scale"
    structure: str
    fx: float
    fy: float | None = None
    alone: bool = False

    def __post_init__(self) -> None:
        _check_fields(self, positive=("fx",) if self.fy is None else ("fx", "fy"))

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the edited layout."""
        fx, fy = self.fx, self.fx if self.fy is None else self.fy
        return _with_changed_boxes(self, layout, registry, lambda box, leader: scaled_along(box, leader, fx, fy))


@dataclass(frozen=True, slots=True)
class Resize:
    """Give a structure another size, its centre and angle kept.

    Args:
        structure: name or synonym, with or without an index.
        width: > 0, along the box's own x axis.
        height: > 0, along the box's own y axis.
        unit: `px`, `fraction` (of the image's width and height) or `mm`.
        alone: of an outline, leave what lies in it where it is.
    """

    kind: ClassVar[str] = "resize"
    structure: str
    width: float
    height: float
    unit: str = "px"
    alone: bool = False

    def __post_init__(self) -> None:
        _check_fields(self, positive=("width", "height"))

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the edited layout."""
        width, height = _in_pixels(self.width, self.height, self.unit, layout)

        def change(box: Box, leader: Box) -> Box:
            if box is leader:
                return box.resized(width, height)
            return scaled_along(box, leader, width / leader.width, height / leader.height)

        return _with_changed_boxes(self, layout, registry, change)


@dataclass(frozen=True, slots=True)
class Rotate:
    """Turn a structure about its centre.

    Args:
        structure: name or synonym, with or without an index.
        degrees: positive = clockwise on the screen.
        alone: of an outline, leave what lies in it where it is.
    """

    kind: ClassVar[str] = "rotate"
    structure: str
    degrees: float
    alone: bool = False

    def __post_init__(self) -> None:
        _check_fields(self, finite=("degrees",))

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the edited layout."""
        return _with_changed_boxes(
            self, layout, registry, lambda box, leader: box.rotated_about(leader.cx, leader.cy, self.degrees)
        )


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a structure out of the layout.

    Args:
        structure: name or synonym, with or without an index.
    """

    kind: ClassVar[str] = "remove"
    structure: str

    def __post_init__(self) -> None:
        _check_fields(self)

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the edited layout."""
        chosen = _positions(self.structure, layout, registry)
        return layout.with_structures(item for i, item in enumerate(layout.structures) if i not in chosen)


@dataclass(frozen=True, slots=True)
class Add:
    """Put one more structure into the layout.

    Args:
        structure: name or synonym, without an index; it must belong to the layout's plane.
        cx: centre, from the left.
        cy: centre, from the top.
        width: > 0; None (then height too) = the typical size of the structure on this plane.
        height: > 0.
        angle: degrees clockwise; None = along the plane's outline for a typical size, 0 for a given one.
        unit: of centre and size: `px`, `fraction` (of the image's width and height) or `mm`.
    """

    kind: ClassVar[str] = "add"
    structure: str
    cx: float
    cy: float
    width: float | None = None
    height: float | None = None
    angle: float | None = None
    unit: str = "px"

    def __post_init__(self) -> None:
        if (self.width is None) != (self.height is None):
            raise FetalFlexError("add needs both width and height, or neither for the typical size")
        finite = ("cx", "cy") if self.angle is None else ("cx", "cy", "angle")
        _check_fields(self, finite=finite, positive=() if self.width is None else ("width", "height"))
        if _split_reference(self.structure)[1] is not None:
            raise FetalFlexError(f"add takes a structure without an index, got {shown(self.structure)}")

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the edited layout; the new structure comes last."""
        name = registry.structure(_split_reference(self.structure)[0]).name
        plane = registry.plane(layout.plane)
        if name not in plane.structures:
            raise FetalFlexError(
                f"structure {name} does not belong to the plane {plane.name}, which has {', '.join(plane.structures)}"
            )
        cx, cy = _in_pixels(self.cx, self.cy, self.unit, layout)
        if self.width is None or self.height is None:
            width, height, angle = _typical_box(name, layout, registry)
        else:
            width, height = _in_pixels(self.width, self.height, self.unit, layout)
            angle = 0.0
        box = Box(cx, cy, width, height, angle if self.angle is None else self.angle)
        _check_within(self, name, box, layout)
        return layout.with_structures((*layout.structures, PlacedStructure(name, box)))


@dataclass(frozen=True, slots=True)
class Mirror:
    """Mirror the whole layout.

    Args:
        axis: `horizontal` exchanges left and right, `vertical` top and bottom.
    """

    kind: ClassVar[str] = "mirror"
    axis: str

    def __post_init__(self) -> None:
        one_of(self.axis, "mirror axis", AXES)

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the mirrored layout; the registry is not used."""
        del registry
        return layout.mirrored_horizontally() if self.axis == "horizontal" else layout.mirrored_vertically()


Edit: TypeAlias = Move | Scale | Resize | Rotate | Remove | Add | Mirror

EDIT_KINDS: dict[str, type[Edit]] = {edit.kind: edit for edit in (Move, Scale, Resize, Rotate, Remove, Add, Mirror)}


def _check_fields(edit: Any, finite: tuple[str, ...] = (), positive: tuple[str, ...] = ()) -> None:
    _split_reference(edit.structure)
    if hasattr(edit, "unit"):
        one_of(edit.unit, f"{edit.kind} unit", UNITS)
    if not isinstance(getattr(edit, "alone", False), bool):
        raise FetalFlexError(f"{edit.kind} alone must be true or false, got {shown(edit.alone)}")
    for field in finite:
        object.__setattr__(edit, field, finite_number(getattr(edit, field), f"{edit.kind} {field}"))
    for field in positive:
        object.__setattr__(edit, field, positive_number(getattr(edit, field), f"{edit.kind} {field}"))


def _split_reference(reference: object) -> tuple[str, int | None]:
    """Split `name[2]` into the name and the index, `name` into the name and None."""
    match = _REFERENCE.fullmatch(reference.strip()) if isinstance(reference, str) else None
    if match is None:
        raise FetalFlexError(
            f"structure must be a name such as stomach or lateral_ventricle[1], got {shown(reference)}"
        )
    index = match["index"]
    return match["name"], None if index is None else int(index)


def _positions(reference: str, layout: Layout, registry: Registry) -> frozenset[int]:
    """Return the positions in `layout.structures` that a reference means; at least one."""
    name, index = _split_reference(reference)
    name = registry.structure(name).name
    positions = [i for i, item in enumerate(layout.structures) if item.name == name]
    if not positions:
        there = ", ".join(layout.names()) or "no structures at all"
        raise FetalFlexError(f"the layout holds no {name}; it holds {there}")
    if index is None:
        return frozenset(positions)
    if index >= len(positions):
        last = f"{name}[0] to {name}[{len(positions) - 1}]" if len(positions) > 1 else f"{name}[0] only"
        raise FetalFlexError(f"the layout holds no {name}[{index}]; it holds {last}")
    return frozenset({positions[index]})


def _in_pixels(x: float, y: float, unit: str, layout: Layout) -> tuple[float, float]:
    if unit == "fraction":
        return x * layout.width, y * layout.height
    if unit == "mm":
        if layout.pixel_spacing_mm is None:
            raise FetalFlexError(
                "the unit mm needs the layout's pixel_spacing_mm, which is not set; use px or fraction"
            )
        return x / layout.pixel_spacing_mm, y / layout.pixel_spacing_mm
    return x, y


def _with_changed_boxes(
    edit: Move | Scale | Resize | Rotate, layout: Layout, registry: Registry, change: BoxChange
) -> Layout:
    """Return the layout with boxes changed; what lies in the plane's outline follows it, unless it is changed alone."""
    structures = list(layout.structures)
    outline = None if edit.alone else layout.outline(registry)
    for i in _positions(edit.structure, layout, registry):
        placed = layout.structures[i]
        changed = with_contents(layout, i, change) if placed is outline else {i: change(placed.box, placed.box)}
        for j, box in changed.items():
            _check_within(edit, structures[j].name, box, layout)
            structures[j] = replace(structures[j], box=box)
    return layout.with_structures(structures)


def _check_within(edit: Edit, name: str, box: Box, layout: Layout) -> None:
    if box.inside_fraction(layout.width, layout.height) == 0:
        x0, y0, x1, y1 = box.corners()
        raise FetalFlexError(
            f"{edit.kind} puts {name} outside the image of {layout.width} x {layout.height} px: "
            f"its box would span ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}); the layout holds "
            f"{', '.join(layout.names()) or 'no structures'}"
        )


def _typical_box(name: str, layout: Layout, registry: Registry) -> tuple[float, float, float]:
    """Return typical width and height in pixels, and the angle of the outline that they refer to."""
    fraction = registry.typical_size(layout.plane, name)
    outline_name = registry.plane(layout.plane).outline
    if outline_name is None or outline_name == name:
        return fraction[0] * layout.width, fraction[1] * layout.height, 0.0
    outline = layout.outline(registry)
    if outline is not None:
        return fraction[0] * outline.box.width, fraction[1] * outline.box.height, outline.box.angle
    whole = registry.typical_size(layout.plane, outline_name)
    return fraction[0] * whole[0] * layout.width, fraction[1] * whole[1] * layout.height, 0.0
