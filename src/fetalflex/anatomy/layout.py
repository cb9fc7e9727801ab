"""Layout: a plane, an image size and the structures with their boxes, as an immutable value."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.planes import check_canonical_name
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import mapping_with_keys, positive_number, shown, whole_number
from fetalflex.display import notebook_png
from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonMapping, JsonObject, json_text, parse_json, read_json, tagged_with

LAYOUT_FORMAT = "fetalflex/layout"
LAYOUT_VERSION = 1
MAX_IMAGE_SIDE = 16384
MAX_STRUCTURES = 1000
_FINEST_MM, _COARSEST_MM = 1e-6, 1e6  # wide enough for any scaled copy of a scan


@dataclass(frozen=True, slots=True)
class PlacedStructure:
    """One structure: its canonical registry name, and its box in pixels of the layout's image."""

    name: str
    box: Box

    def __post_init__(self) -> None:
        check_canonical_name(self.name, "structure name")
        if not isinstance(self.box, Box):
            raise FetalFlexError(f"structure {self.name}: box must be a Box, got {shown(self.box)}")


@dataclass(frozen=True, slots=True, repr=False)
class Layout:
    """Which structures an image of a plane shows, and where.

    Example:
        >>> layout = Layout("abdominal_transverse", 400, 300, (PlacedStructure("stomach", Box(150, 160, 60, 40)),))
        >>> layout
        Layout(abdominal_transverse, 400 x 300 px: stomach)

    Args:
        plane: canonical name of the plane.
        width: image width, pixels, 1 to 16384.
        height: image height, pixels, 1 to 16384.
        structures: at most 1000, also several of one name. Each box overlaps the image.
        pixel_spacing_mm: side of a (square) pixel in mm, 1e-6 to 1e6, or None if unknown.

    Raises:
        FetalFlexError: a value is out of range, or a box lies wholly outside the image.
    """

    plane: str
    width: int
    height: int
    structures: tuple[PlacedStructure, ...] = ()
    pixel_spacing_mm: float | None = None

    def __post_init__(self) -> None:
        check_canonical_name(self.plane, "layout plane")
        object.__setattr__(self, "width", whole_number(self.width, "layout width", 1, MAX_IMAGE_SIDE))
        object.__setattr__(self, "height", whole_number(self.height, "layout height", 1, MAX_IMAGE_SIDE))
        object.__setattr__(self, "structures", _placed_structures(self.structures))
        if self.pixel_spacing_mm is not None:
            spacing = positive_number(self.pixel_spacing_mm, "layout pixel_spacing_mm")
            if not _FINEST_MM <= spacing <= _COARSEST_MM:
                raise FetalFlexError(
                    f"layout pixel_spacing_mm must be the side of a pixel in mm, from {_FINEST_MM:g} to "
                    f"{_COARSEST_MM:g}, got {shown(self.pixel_spacing_mm)}"
                )
            object.__setattr__(self, "pixel_spacing_mm", spacing)
        for structure in self.structures:
            if structure.box.inside_fraction(self.width, self.height) == 0:
                x0, y0, x1, y1 = structure.box.corners()
                raise FetalFlexError(
                    f"structure {structure.name}: box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) lies outside the image "
                    f"of {self.width} x {self.height} px"
                )

    def __repr__(self) -> str:
        size = f"{self.width} x {self.height} px"
        return f"Layout({self.plane}, {size}: {', '.join(one.name for one in self.structures) or 'no structures'})"

    def _repr_png_(self) -> bytes | None:
        """Return its boxes as notebooks show them; None if the built-in planes do not know it."""
        import numpy as np

        from fetalflex.anatomy.drawing import draw_overlay
        from fetalflex.anatomy.registry import default_registry

        empty = np.zeros((self.height, self.width), np.uint8)
        return notebook_png(lambda: draw_overlay(empty, self, default_registry()))

    def names(self) -> tuple[str, ...]:
        """Return the names of the structures, sorted, each once."""
        return tuple(sorted({structure.name for structure in self.structures}))

    def find(self, name: str) -> tuple[PlacedStructure, ...]:
        """Return the structures of one canonical name, in layout order; empty if there is none."""
        return tuple(structure for structure in self.structures if structure.name == name)

    def outline(self, registry: Registry) -> PlacedStructure | None:
        """Return the largest structure that is the plane's outline, or None if the plane or the layout has none."""
        name = registry.plane(self.plane).outline
        return self.largest(name) if name and self.find(name) else None

    def largest(self, name: str) -> PlacedStructure:
        """Return the largest structure of one canonical name, or raise FetalFlexError if the layout holds none."""
        found = max(self.find(name), key=lambda structure: structure.box.area, default=None)
        if found is None:
            held = ", ".join(self.names()) or "no structures"
            raise FetalFlexError(f"the layout holds no {name}; it holds {held}")
        return found

    def reference(self, position: int) -> str:
        """Return how edits name the structure at a position: its name, with an index if there are several."""
        name = self.structures[position].name
        positions = [i for i, item in enumerate(self.structures) if item.name == name]
        return name if len(positions) == 1 else f"{name}[{positions.index(position)}]"

    def problems(self, registry: Registry) -> list[str]:
        """Return one sentence for each way in which plane and structures do not fit the registry."""
        try:
            plane = registry.plane(self.plane)
        except FetalFlexError as error:
            return [str(error)]
        if plane.name != self.plane:
            return [f"plane {self.plane} is a synonym; use the name {plane.name}"]
        found = []
        for name in self.names():
            problem = _name_problem(name, registry)
            if problem is None and name not in plane.structures:
                problem = f"structure {name} does not belong to the plane {plane.name}"
                problem += f", which has {', '.join(plane.structures)}"
            if problem:
                found.append(problem)
        return found

    def validate(self, registry: Registry, strict: bool = True) -> None:
        """Check plane and structures against the registry.

        Args:
            registry: planes and structures that are known.
            strict: False allows known structures that the plane does not list.

        Raises:
            FetalFlexError: with every problem found.
        """
        if strict:
            found = self.problems(registry)
        else:
            registry.plane(self.plane)
            found = [problem for name in self.names() if (problem := _name_problem(name, registry))]
        if found:
            raise FetalFlexError("; ".join(found))

    def with_structures(self, structures: Iterable[PlacedStructure]) -> Layout:
        """Return the layout with other structures."""
        return replace(self, structures=tuple(structures))

    def rescaled(
        self, scale: float, dx: float = 0.0, dy: float = 0.0, *, width: int | None = None, height: int | None = None
    ) -> Layout:
        """Return the layout under (x, y) -> (x * scale + dx, y * scale + dy) on an image of the new size.

        Args:
            scale: > 0; the pixel spacing is divided by it.
            dx: shift to the right after scaling, pixels.
            dy: shift down after scaling, pixels.
            width: new image width; None = width * scale, rounded, at least 1.
            height: new image height; None = height * scale, rounded, at least 1.
        """
        scale = positive_number(scale, "scale")
        return Layout(
            plane=self.plane,
            width=max(1, round(self.width * scale)) if width is None else width,
            height=max(1, round(self.height * scale)) if height is None else height,
            structures=tuple(replace(item, box=item.box.transformed(scale, dx, dy)) for item in self.structures),
            pixel_spacing_mm=None if self.pixel_spacing_mm is None else self.pixel_spacing_mm / scale,
        )

    def mirrored_horizontally(self) -> Layout:
        """Return the layout with left and right exchanged."""
        return self.with_structures(
            replace(item, box=item.box.mirrored_horizontally(self.width)) for item in self.structures
        )

    def mirrored_vertically(self) -> Layout:
        """Return the layout with top and bottom exchanged."""
        return self.with_structures(
            replace(item, box=item.box.mirrored_vertically(self.height)) for item in self.structures
        )

    def to_dict(self) -> JsonObject:
        """Return plain values that follow `layout_schema()`."""
        data: JsonObject = {
            "format": LAYOUT_FORMAT,
            "version": LAYOUT_VERSION,
            "plane": self.plane,
            "width": self.width,
            "height": self.height,
        }
        if self.pixel_spacing_mm is not None:
            data["pixel_spacing_mm"] = self.pixel_spacing_mm
        data["structures"] = [{"name": item.name, "box": item.box.to_dict()} for item in self.structures]
        return data

    @classmethod
    def from_dict(cls, data: JsonMapping) -> Layout:
        """Build from what `to_dict` gives.

        Raises:
            FetalFlexError: an unknown or missing key, another format or version, or a wrong value.
        """
        rest = tagged_with(data, LAYOUT_FORMAT, LAYOUT_VERSION, "layout")
        rest = dict(
            mapping_with_keys(rest, "layout", ("plane", "width", "height", "structures"), ("pixel_spacing_mm",))
        )
        structures = rest.pop("structures")
        if not isinstance(structures, (list, tuple)):
            raise FetalFlexError(f"layout structures must be a list, got {shown(structures)}")
        return cls(**rest, structures=tuple(_structure_from(item, i) for i, item in enumerate(structures)))

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json_text(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Layout:
        """Build from JSON text of at most 10 MB; raises like `from_dict`."""
        return cls.from_dict(parse_json(text, "layout"))

    def save(self, path: str | Path) -> None:
        """Write the JSON text to a file, atomically; an existing file is replaced."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Layout:
        """Read a file that `save` wrote, at most 10 MB; raises FetalFlexError that names the file."""
        data = read_json(path)
        try:
            return cls.from_dict(data)
        except FetalFlexError as error:
            raise FetalFlexError(f"{path}: {error}") from error


def layout_schema() -> JsonObject:
    """Return the JSON Schema (draft 2020-12) of layout files, a fresh copy."""
    return json.loads(_schema_text())


@functools.cache
def _schema_text() -> str:
    return Path(__file__).with_name("layout.schema.json").read_text(encoding="utf-8")


def _placed_structures(structures: object) -> tuple[PlacedStructure, ...]:
    if not isinstance(structures, (list, tuple)):
        raise FetalFlexError(f"layout structures must be a tuple of PlacedStructure, got {shown(structures)}")
    if len(structures) > MAX_STRUCTURES:
        raise FetalFlexError(f"layout has {len(structures)} structures; at most {MAX_STRUCTURES} are allowed")
    for item in structures:
        if not isinstance(item, PlacedStructure):
            raise FetalFlexError(f"layout structures must be PlacedStructure values, got {shown(item)}")
    return tuple(structures)


def _structure_from(data: object, index: int) -> PlacedStructure:
    where = f"layout structures[{index}]"
    entry = mapping_with_keys(data, where, ("name", "box"))
    try:
        return PlacedStructure(entry["name"], Box.from_dict(entry["box"]))
    except FetalFlexError as error:
        raise FetalFlexError(f"{where}: {error}") from error


def _name_problem(name: str, registry: Registry) -> str | None:
    try:
        known = registry.structure(name).name
    except FetalFlexError as error:
        return str(error)
    return None if known == name else f"structure {name} is a synonym; use the name {known}"
