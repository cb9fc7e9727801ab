"""Correct the boxes of one image in a data set folder, and leave all else in its annotations as it is."""

from __future__ import annotations

import json
from pathlib import Path

from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry
from fetalflex.data.annotation_json import read_annotation_json
from fetalflex.data.coco_records import annotation_entry, records_from_coco
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.errors import FetalFlexError
from fetalflex.files import locked, write_text
from fetalflex.files.json_files import JsonObject

_OF_THE_DETECTOR = ("scores", "plane_score", "review")
REVIEWED = "reviewed"
"""Field of image entries whose boxes a person has corrected."""


def correct_layout(root: Path, file_name: str, layout: Layout, registry: Registry) -> None:
    """Give an image another layout; it is then no longer a proposal of the detector, and `reviewed` is true.

    Args:
        root: Data set folder.
        file_name: As its record has it.
        layout: What the image shows, of its size.
        registry: Knows the planes and structures.

    Raises:
        FetalFlexError: If there is no such image, the layout does not fit, or the folder cannot be written to.
    """
    layout.validate(registry)
    path = root / ANNOTATIONS
    with locked(root):
        coco = read_annotation_json(path)
        records = records_from_coco(coco, registry, str(path))
        place = next((number for number, record in enumerate(records) if record.file_name == file_name), None)
        if place is None:
            raise FetalFlexError(f"{path} has no image {file_name}; it may have been changed since it was opened")
        old = records[place].layout
        if (old.width, old.height) != (layout.width, layout.height):
            raise FetalFlexError(
                f"{file_name} has {old.width} x {old.height} pixels, the layout is for {layout.width} x {layout.height}"
            )
        _exchange(coco, coco["images"][place], layout, registry)
        records_from_coco(coco, registry, str(path))  # what is written can be read again
        write_text(path, json.dumps(coco, indent=1, allow_nan=False))


def _exchange(coco: JsonObject, entry: JsonObject, layout: Layout, registry: Registry) -> None:
    for name in _OF_THE_DETECTOR:
        entry.pop(name, None)
    entry |= {"plane": layout.plane, REVIEWED: True}
    if layout.pixel_spacing_mm is not None:
        entry["pixel_spacing_mm"] = layout.pixel_spacing_mm
    categories = {registry.structure(one["name"]).name: one["id"] for one in coco["categories"]}
    last_id = max((one["id"] for one in coco["annotations"] if isinstance(one.get("id"), int)), default=0)
    kept = [one for one in coco["annotations"] if one["image_id"] != entry["id"]]
    for number, placed in enumerate(layout.structures, start=1):
        if placed.name not in categories:
            categories[placed.name] = max(categories.values(), default=0) + 1
            coco["categories"].append({"id": categories[placed.name], "name": placed.name, "supercategory": ""})
        kept.append(annotation_entry(placed, last_id + number, entry["id"], categories[placed.name]))
    coco["annotations"] = kept
