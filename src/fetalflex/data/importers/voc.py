"""Pascal VOC: an XML file for each image, with a `bndbox` or `robndbox` for each object."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.reading import child_text, number, read_xml
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


class VocImporter:
    """Read Pascal VOC files, from the folder `Annotations` if there is one.

    `xmin`, `ymin`, `xmax` and `ymax` are taken as the box's edges, as today's tools write them. An attribute `rotation`
    (degrees clockwise, as CVAT writes it) turns the box about its centre. A `robndbox` with `cx`, `cy`, `w`, `h` and
    `angle` (radians clockwise, as roLabelImg writes it) goes before the `bndbox`.
    """

    name = "voc"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        for path in place.annotation_files([".xml"], usual=["Annotations"]):
            try:
                yield from _read_file(place, path)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


def _read_file(place: Source, path: Path) -> Iterator[ImportedItem | Refusal]:
    root = read_xml(path)
    if root.tag != "annotation":
        raise FetalFlexError(f"the root element is <{root.tag}>; Pascal VOC has <annotation>")
    image = place.claim(child_text(root, "filename") or path.stem, path.parent)
    builder = place.builder(image, _declared_size(root))
    for index, element in enumerate(root.iter("object"), start=1):
        where = f"{place.name(path)} object {index}"
        label = child_text(element, "name")
        if label is None:
            builder.refuse(where, "the object has no name")
            continue
        builder.add_made(label, partial(_box, element), where)
    yield from builder.finish(split=split_of_folder(place.name(image)))


def _declared_size(root: Element) -> tuple[float, float] | None:
    width, height = child_text(root, "size/width"), child_text(root, "size/height")
    if width is None or height is None or (width, height) == ("0", "0"):
        return None
    return number(width, "width"), number(height, "height")


def _box(element: Element) -> Box:
    if element.find("robndbox") is not None:
        keys = ("cx", "cy", "w", "h", "angle")
        cx, cy, width, height, radians = (number(child_text(element, f"robndbox/{key}"), key) for key in keys)
        return Box.from_centre(cx, cy, width, height, math.degrees(radians))
    if element.find("bndbox") is None:
        raise FetalFlexError("the object has no bndbox")
    edges = [number(child_text(element, f"bndbox/{edge}"), edge) for edge in ("xmin", "ymin", "xmax", "ymax")]
    box = Box.from_corners(*edges)
    for attribute in element.iter("attribute"):
        if child_text(attribute, "name") == "rotation":
            return box.rotated(number(child_text(attribute, "value"), "rotation"))
    return box
