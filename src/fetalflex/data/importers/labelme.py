"""LabelMe: a JSON file of the desktop tool, or an XML file of the older web tool, for each image."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.box import Box
from fetalflex.checks import finite_number, shown
from fetalflex.data.image_files import decode_image, read_image
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.image_names import Match, Reference
from fetalflex.data.importers.numbers import flag
from fetalflex.data.importers.reading import child_text, number, read_annotations, read_xml
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.importers.units import polygon_box, scale_of, scaled
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance.fingerprints import look_of, resemble


class LabelMeImporter:
    """Read LabelMe files of both generations.

    JSON shapes may be polygons, rectangles, rotated rectangles, circles and masks; lines and points hold no area and
    are refused. XML objects may be polygons, bounding boxes with an attribute `rotation` (degrees clockwise), or masks,
    whose stated box includes its last row and column.
    """

    name = "labelme"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        files: list[tuple[Path, _Annotation]] = []
        for path in place.readable(place.annotation_files([".json", ".xml"])):
            if isinstance(path, Finding):
                yield path
                continue
            try:
                files.append((path, _open_xml(path) if path.suffix.lower() == ".xml" else _open_json(path)))
            except FetalFlexError as error:
                yield place.refusal(path, error)
        references = [
            Reference(
                one.image,
                place.name(path),
                path.parent,
                folder=one.folder,
                own_file=True,
                own_stem=None if one.is_implied else path.stem,
                implied=one.is_implied,
            )
            for path, one in files
        ]
        for (path, one), match in zip(files, place.match(references), strict=True):
            try:
                if isinstance(match, FetalFlexError):
                    raise match
                if isinstance(one.content, Element):
                    yield from _read_xml_file(place, path, one.content, match, options)
                else:
                    yield from _read_json_file(place, path, one.content, match, options)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


@dataclass(frozen=True)
class _Annotation:
    """The content of one file, and what it says of its image's name and folder."""

    content: JsonObject | Element
    image: str
    folder: str | None = None
    is_implied: bool = False


def _open_json(path: Path) -> _Annotation:
    content = read_annotations(path)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise FetalFlexError("this is no LabelMe file, which has a list of shapes")
    if not isinstance(content.get("imagePath"), str):
        raise FetalFlexError(f"imagePath is {shown(content.get('imagePath'))}; it must name the image")
    return _Annotation(content, content["imagePath"])


def _read_json_file(
    place: Source, path: Path, content: JsonObject, match: Match, options: ImportOptions
) -> Iterator[ImportedItem | Finding]:
    builder = place.builder(match, _json_size(content))
    _check_embedded(content.get("imageData"), match.image)
    scale = scale_of(options.unit_or("pixels"), (builder.width, builder.height))
    for index, shape in enumerate(content["shapes"]):
        where = f"{place.name(path)} shapes[{index}]"
        if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
            builder.refuse(where, "the shape has no label")
            continue
        builder.add_made(shape["label"], partial(_box_of_shape, shape, scale, options.rotated), where)
    yield from builder.finish(split=split_of_folder(place.name(match.image)))


def _check_embedded(data: object, image: Path) -> None:
    """Check that the picture inside a file is the one that it names; one that cannot be read says nothing.

    Raises:
        FetalFlexError: If it is another picture.
    """
    if not isinstance(data, str) or not data:
        return
    try:
        embedded, named = decode_image(base64.b64decode(data), "imageData"), read_image(image)
    except (ValueError, FetalFlexError):
        return
    if not resemble(look_of(embedded), look_of(named)):
        raise FetalFlexError(
            f"the picture in imageData is another one than {image.name}; correct imagePath, or remove imageData if the "
            "named picture is the right one"
        )


def _json_size(content: JsonObject) -> tuple[float, float] | None:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    if width is None or height is None:
        return None
    return finite_number(width, "imageWidth"), finite_number(height, "imageHeight")


def _box_of_shape(shape: JsonObject, scale: tuple[float, float], rotated: bool) -> Box:
    kind = shape.get("shape_type", "polygon")
    points = _points(shape.get("points"))
    points = scaled(points, scale)
    if kind == "circle" and len(points) == 2:
        (cx, cy), (x, y) = points
        radius = math.hypot(x - cx, y - cy)
        return Box.from_ellipse(cx, cy, radius, radius)
    if kind in ("rectangle", "mask") and len(points) == 2:
        (x0, y0), (x1, y1) = points.min(axis=0), points.max(axis=0)
        past = 1 if kind == "mask" else 0
        return Box.from_corners(x0, y0, x1 + past, y1 + past)
    if kind in ("rotation", "oriented_rectangle") and len(points) == 4:
        return polygon_box(points, rotated=True)
    if kind == "polygon" or (kind == "rectangle" and len(points) == 4):
        return polygon_box(points, rotated=rotated)
    raise FetalFlexError(f"a shape of type {shown(kind)} with {len(points)} points has no box")


def _points(points: object) -> NDArray[np.float64]:
    """Return `(N, 2)` points in pixels, N >= 1."""
    if not isinstance(points, list) or not points:
        raise FetalFlexError(f"points is {shown(points)}; it must be a list of [x, y]")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise FetalFlexError(f"the point {shown(point)} is no [x, y]")
        for value in point:
            finite_number(value, "coordinate")
    return np.array(points, dtype=np.float64)


def _open_xml(path: Path) -> _Annotation:
    root = read_xml(path)
    if root.tag != "annotation":
        raise FetalFlexError(f"the root element is <{root.tag}>; LabelMe has <annotation>")
    name = child_text(root, "filename")
    return _Annotation(root, name or path.stem, child_text(root, "folder"), is_implied=name is None)


def _read_xml_file(
    place: Source, path: Path, root: Element, match: Match, options: ImportOptions
) -> Iterator[ImportedItem | Finding]:
    builder = place.builder(match, _xml_size(root))
    scale = scale_of(options.unit_or("pixels"), (builder.width, builder.height))
    for index, element in enumerate(root.iterfind("object"), start=1):
        where = f"{place.name(path)} object {index}"
        try:
            label = child_text(element, "name")
            is_deleted = flag(child_text(element, "deleted"), "deleted")
        except FetalFlexError as error:
            builder.refuse(where, str(error))
            continue
        if label is None or is_deleted:
            builder.refuse(where, "the object has no name" if label is None else f"{label!r} is marked as deleted")
            continue
        builder.add_made(label, partial(_box_of_object, element, scale, options.rotated), where)
    yield from builder.finish(split=split_of_folder(place.name(match.image)))


def _xml_size(root: Element) -> tuple[float, float] | None:
    columns, rows = child_text(root, "imagesize/ncols"), child_text(root, "imagesize/nrows")
    if columns is None or rows is None:
        return None
    return number(columns, "ncols"), number(rows, "nrows")


def _box_of_object(element: Element, scale: tuple[float, float], rotated: bool) -> Box:
    sx, sy = scale
    if element.find("segm/box") is not None:
        x0, y0, x1, y1 = (
            number(child_text(element, f"segm/box/{key}"), key) for key in ("xmin", "ymin", "xmax", "ymax")
        )
        return Box.from_corners(x0 * sx, y0 * sy, (x1 + 1) * sx, (y1 + 1) * sy)
    points = [
        (number(child_text(point, "x"), "x") * sx, number(child_text(point, "y"), "y") * sy)
        for point in element.iterfind("polygon/pt")
    ]
    if len(points) < 3:
        raise FetalFlexError(f"the object has a polygon of {len(points)} points; it needs 3")
    rotation = _attribute(element, "rotation")
    if rotation is not None:
        return polygon_box(points).rotated(number(rotation, "rotation"))
    return polygon_box(points, rotated=rotated)


def _attribute(element: Element, wanted: str) -> str | None:
    """Return the value of `wanted` in an object's text of attributes, "name=value, name=value"."""
    for entry in (child_text(element, "attributes") or "").split(","):
        key, _, value = entry.partition("=")
        if key.strip() == wanted:
            return value.strip()
    return None
