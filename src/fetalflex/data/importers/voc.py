"""Pascal VOC: an XML file for each image, with a `bndbox` or `robndbox` for each object."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.image_names import Match, Reference
from fetalflex.data.importers.reading import child_text, number, read_xml
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.importers.units import scale_of
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import mark_of_text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class VocImporter:
    """Read Pascal VOC files, from the folder `Annotations` if there is one.

    `xmin`, `ymin`, `xmax` and `ymax` are taken as the box's edges, as today's tools write them; with the option
    `first_pixel` 1 as the first and last pixel, counted from 1, as in Pascal VOC's own set. An attribute `rotation`
    (degrees clockwise, as CVAT writes it) turns the box about its centre. A `robndbox` with `cx`, `cy`, `w`, `h` and
    `angle` (radians clockwise, as roLabelImg writes it) goes before the `bndbox`. A `source` that calls the image
    synthetic is believed.
    """

    name = "voc"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        files: list[tuple[Path, Element]] = []
        for path in place.readable(place.annotation_files([".xml"], usual=["Annotations"])):
            if isinstance(path, Finding):
                yield path
                continue
            try:
                files.append((path, _annotation(path)))
            except FetalFlexError as error:
                yield place.refusal(path, error)
        references = [_reference(place, path, root) for path, root in files]
        for (path, root), match in zip(files, place.match(references), strict=True):
            try:
                if isinstance(match, FetalFlexError):
                    raise match
                yield from _read_file(place, path, root, match, options)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


def _annotation(path: Path) -> Element:
    root = read_xml(path)
    if root.tag != "annotation":
        raise FetalFlexError(f"the root element is <{root.tag}>; Pascal VOC has <annotation>")
    child_text(root, "filename")
    child_text(root, "folder")
    return root


def _reference(place: Source, path: Path, root: Element) -> Reference:
    name, folder = child_text(root, "filename"), child_text(root, "folder")
    if name is None:
        return Reference(path.stem, place.name(path), path.parent, own_file=True, implied=True)
    return Reference(name, place.name(path), path.parent, folder=folder, own_file=True, own_stem=path.stem)


def _read_file(
    place: Source, path: Path, root: Element, match: Match, options: ImportOptions
) -> Iterator[ImportedItem | Finding]:
    builder = place.builder(match, _declared_size(root))
    mark = mark_of_text({"description": child_text(root, "source/image") or ""})
    for index, element in enumerate(root.iterfind("object"), start=1):
        where = f"{place.name(path)} object {index}"
        try:
            label = child_text(element, "name")
        except FetalFlexError as error:
            builder.refuse(where, str(error))
            continue
        if label is None:
            builder.refuse(where, "the object has no name")
            continue
        scale = scale_of(options.unit_or("pixels"), (builder.width, builder.height))
        builder.add_made(label, partial(_box, element, scale, options), where)
    extra = None if mark is None else mark.added_to({})
    yield from builder.finish(split=split_of_folder(place.name(match.image)), extra=extra)


def _declared_size(root: Element) -> tuple[float, float] | None:
    width, height = child_text(root, "size/width"), child_text(root, "size/height")
    if width is None or height is None or (width, height) == ("0", "0"):
        return None
    return number(width, "width"), number(height, "height")


def _box(element: Element, scale: tuple[float, float], options: ImportOptions) -> Box:
    sx, sy = scale
    if element.find("robndbox") is not None:
        keys = ("cx", "cy", "w", "h", "angle")
        cx, cy, width, height, radians = (number(child_text(element, f"robndbox/{key}"), key) for key in keys)
        return Box.from_centre(cx * sx, cy * sy, width * sx, height * sy, math.degrees(radians))
    if element.find("bndbox") is None:
        raise FetalFlexError("the object has no bndbox")
    x0, y0, x1, y1 = (number(child_text(element, f"bndbox/{edge}"), edge) for edge in ("xmin", "ymin", "xmax", "ymax"))
    if options.first_pixel and min(x0, y0) < options.first_pixel:
        raise FetalFlexError(
            f"xmin or ymin is {min(x0, y0):g}, but the first pixel is said to be {options.first_pixel}"
        )
    first = options.first_pixel
    box = Box.from_corners((x0 - first) * sx, (y0 - first) * sy, x1 * sx, y1 * sy)
    for attribute in element.iterfind("attributes/attribute"):
        if child_text(attribute, "name") == "rotation":
            return box.rotated(number(child_text(attribute, "value"), "rotation"))
    return box
