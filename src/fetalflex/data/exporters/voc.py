"""Pascal VOC: an XML file for each image, with a `bndbox` for each structure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import PlacedStructure
from fetalflex.data.exporters.base import ExportOptions, Item, split_name
from fetalflex.data.exporters.box_fitting import BoxFitting, decimal, inside_image, upright_around
from fetalflex.data.exporters.image_writer import ImageWriter
from fetalflex.data.records import Record
from fetalflex.provenance import mark_of_fields

_IMAGES = "JPEGImages"


class VocExporter:
    """Write `Annotations/NAME.xml`, `JPEGImages/NAME.png` and `ImageSets/Main/SPLIT.txt`.

    `JPEGImages` is what tools expect the folder to be called, although the files are PNG. Coordinates are edges in
    pixels, counted from 0, with as many decimals as they need. `bndbox` is the upright box, cut at the border of the
    image; then `truncated` is 1. A rotated box stands whole in a `robndbox` too (centre, size, radians clockwise, as
    roLabelImg writes it), exact to rounding. What VOC has no place for (plane, patient, pixel spacing, ...) is in
    `records.jsonl`. The `source` of a synthetic image says that it is one.
    """

    name = "voc"
    reads_back = "`fetalflex prepare --format voc` reads it."

    def write(self, folder: Path, items: Iterable[Item], options: ExportOptions) -> list[str]:  # noqa: ARG002
        """Write records and images; see `Exporter.write`."""
        annotations, sets = folder / "Annotations", folder / "ImageSets" / "Main"
        annotations.mkdir()
        sets.mkdir(parents=True)
        fitting = BoxFitting()
        with ImageWriter(folder) as images:
            for record, pixels in items:
                image = images.add(record, pixels, _IMAGES)
                root = _annotation(record, image.name, fitting)
                (annotations / f"{image.stem}.xml").write_bytes(tostring(root, encoding="utf-8"))
                with (sets / f"{split_name(record)}.txt").open("a", encoding="ascii", newline="\n") as file:
                    file.write(f"{image.stem}\n")
        return fitting.notes()


def _annotation(record: Record, file_name: str, fitting: BoxFitting) -> Element:
    root = Element("annotation")
    _add(root, folder=_IMAGES, filename=file_name)
    if (mark := mark_of_fields(record.extra)) is not None:
        _add(SubElement(root, "source"), database=record.source or "FetalFlex", image=mark.notice)
    _add(SubElement(root, "size"), width=record.layout.width, height=record.layout.height, depth=1)
    _add(root, segmented=0)
    for placed in record.layout.structures:
        whole = upright_around(placed.box)
        # Cutting costs a rotated box nothing, since it stands whole in its robndbox.
        cut = inside_image if placed.box.is_rotated else fitting.inside
        inside = cut(whole, record.layout)
        if inside is not None:
            root.append(_object(placed, inside, is_truncated=inside is not whole))
    indent(root)
    return root


def _object(placed: PlacedStructure, upright: Box, is_truncated: bool) -> Element:
    element = Element("object")
    _add(element, name=placed.name, pose="Unspecified", truncated=int(is_truncated), difficult=0)
    edges = dict(zip(("xmin", "ymin", "xmax", "ymax"), map(decimal, upright.corners()), strict=True))
    _add(SubElement(element, "bndbox"), **edges)
    if (box := placed.box).is_rotated:
        _add(
            SubElement(element, "robndbox"),
            cx=decimal(box.cx),
            cy=decimal(box.cy),
            w=decimal(box.width),
            h=decimal(box.height),
            angle=decimal(math.radians(box.angle % 180)),
        )
    return element


def _add(parent: Element, **values: object) -> None:
    """Add a child with a text for each value."""
    for tag, value in values.items():
        SubElement(parent, tag).text = str(value)
