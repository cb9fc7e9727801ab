"""LabelMe: a JSON file of the desktop tool, or an XML file of the older web tool, for each image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.checks import finite_number, shown
from fetalflex.data.annotation_json import read_annotation_json
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.reading import child_text, number, read_xml
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class LabelMeImporter:
    """Read LabelMe files of both generations.

    JSON shapes may be polygons, rectangles, rotated rectangles, circles and masks; lines and points hold no area and
    are refused. XML objects may be polygons, bounding boxes with an attribute `rotation` (degrees clockwise), or masks,
    whose stated box includes its last row and column.
    """

    name = "labelme"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        for path in place.annotation_files([".json", ".xml"]):
            read_file = _read_xml_file if path.suffix.lower() == ".xml" else _read_json_file
            try:
                yield from read_file(place, path, options)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


def _read_json_file(place: Source, path: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
    content = read_annotation_json(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise FetalFlexError("this is no LabelMe file, which has a list of shapes")
    if not isinstance(content.get("imagePath"), str):
        raise FetalFlexError(f"imagePath is {shown(content.get('imagePath'))}; it must name the image")
    image = place.claim(content["imagePath"], path.parent)
    builder = place.builder(image, _json_size(content))
    for index, shape in enumerate(content["shapes"]):
        where = f"{place.name(path)} shapes[{index}]"
        if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
            builder.refuse(where, "the shape has no label")
            continue
        builder.add_made(shape["label"], partial(_box_of_shape, shape, options.rotated), where)
    yield from builder.finish(split=split_of_folder(place.name(image)))


def _json_size(content: dict[str, Any]) -> tuple[float, float] | None:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    if width is None or height is None:
        return None
    return finite_number(width, "imageWidth"), finite_number(height, "imageHeight")


def _box_of_shape(shape: dict[str, Any], rotated: bool) -> Box:
    kind = shape.get("shape_type", "polygon")
    points = _points(shape.get("points"))
    if kind == "circle" and len(points) == 2:
        (cx, cy), (x, y) = points
        radius = math.hypot(x - cx, y - cy)
        return Box.from_ellipse(cx, cy, radius, radius)
    if kind in ("rectangle", "mask") and len(points) == 2:
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        past = 1 if kind == "mask" else 0
        return Box.from_corners(x0, y0, x1 + past, y1 + past)
    if kind in ("rotation", "oriented_rectangle") and len(points) == 4:
        return Box.from_polygon(points, rotated=True)
    if kind == "polygon" or (kind == "rectangle" and len(points) == 4):
        return Box.from_polygon(points, rotated=rotated)
    raise FetalFlexError(f"a shape of type {shown(kind)} with {len(points)} points has no box")


def _points(points: Any) -> NDArray[np.float64]:
    """Return `(N, 2)` points in pixels, N >= 1."""
    if not isinstance(points, list) or not points:
        raise FetalFlexError(f"points is {shown(points)}; it must be a list of [x, y]")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise FetalFlexError(f"the point {shown(point)} is no [x, y]")
        for value in point:
            finite_number(value, "coordinate")
    return np.array(points, dtype=np.float64)


def _read_xml_file(place: Source, path: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
    root = read_xml(path)
    if root.tag != "annotation":
        raise FetalFlexError(f"the root element is <{root.tag}>; LabelMe has <annotation>")
    image = place.claim(child_text(root, "filename") or path.stem, path.parent)
    builder = place.builder(image, _xml_size(root))
    for index, element in enumerate(root.iter("object"), start=1):
        where = f"{place.name(path)} object {index}"
        label = child_text(element, "name")
        if label is None or child_text(element, "deleted") == "1":
            builder.refuse(where, "the object has no name" if label is None else f"{label!r} is marked as deleted")
            continue
        builder.add_made(label, partial(_box_of_object, element, options.rotated), where)
    yield from builder.finish(split=split_of_folder(place.name(image)))


def _xml_size(root: Element) -> tuple[float, float] | None:
    columns, rows = child_text(root, "imagesize/ncols"), child_text(root, "imagesize/nrows")
    if columns is None or rows is None:
        return None
    return number(columns, "ncols"), number(rows, "nrows")


def _box_of_object(element: Element, rotated: bool) -> Box:
    if element.find("segm/box") is not None:
        x0, y0, x1, y1 = (
            number(child_text(element, f"segm/box/{key}"), key) for key in ("xmin", "ymin", "xmax", "ymax")
        )
        return Box.from_corners(x0, y0, x1 + 1, y1 + 1)
    points = [
        (number(child_text(point, "x"), "x"), number(child_text(point, "y"), "y"))
        for point in element.iterfind("polygon/pt")
    ]
    if len(points) < 3:
        raise FetalFlexError(f"the object has a polygon of {len(points)} points; it needs 3")
    rotation = _attribute(element, "rotation")
    if rotation is not None:
        return Box.from_polygon(points).rotated(number(rotation, "rotation"))
    return Box.from_polygon(points, rotated=rotated)


def _attribute(element: Element, wanted: str) -> str | None:
    """Return the value of `wanted` in an object's text of attributes, "name=value, name=value"."""
    for entry in (child_text(element, "attributes") or "").split(","):
        key, _, value = entry.partition("=")
        if key.strip() == wanted:
            return value.strip()
    return None
