"""COCO: JSON with images, categories and annotations as boxes, polygons or run-length encoded masks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.checks import finite_number, shown
from fetalflex.data.annotation_json import read_annotation_json
from fetalflex.data.coco_records import box_from_ellipse_entry
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.mask_boxes import box_of_mask
from fetalflex.data.importers.run_lengths import mask_from_rle
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.records import IMAGE_FIELDS, SPLITS
from fetalflex.errors import FetalFlexError

_BOOKKEEPING = frozenset({"license", "coco_url", "flickr_url", "date_captured"})
_SPLIT_IN_NAME = re.compile(r"(?<![a-z])(train|val|test)(?![a-z])")


class CocoImporter:
    """Read COCO files, their own folder, an `annotations` folder, or a Roboflow export with one file per split.

    A box comes from `rotated_box` or `ellipse` where this project's fields are there, else from `bbox`, else from the
    segmentation; with the option `rotated`, from the segmentation before `bbox`. Images may carry `plane`, `patient`,
    `source`, `split`, `quality` and `pixel_spacing_mm`; other fields are kept, save for licence numbers, addresses and
    dates.

    A data set folder of this project is told by an `annotations.json` that names the plane of every image. JSON files
    in it that are no COCO (layouts, reports) and pictures beside `annotations.json` that it does not name (sheets) are
    passed over; anywhere else they are refused, so that nothing is left out unseen.
    """

    name = "coco"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        files: list[tuple[Path, dict[str, Any]]] = []
        refusals: list[Refusal] = []
        is_ours = False
        for path in place.annotation_files([".json"], usual=["annotations"]):
            try:
                coco = _coco(read_annotation_json(path))
            except FetalFlexError as error:
                refusals.append(place.refusal(path, error))
                continue
            files.append((path, coco))
            is_ours |= path == place.root / ANNOTATIONS and _names_every_plane(coco)
        if not files:
            raise FetalFlexError(f"{source} holds no COCO file; {refusals[0].where}: {refusals[0].reason}")
        yield from () if is_ours else refusals
        for path, coco in files:
            yield from _CocoFile(place, path, coco, options).read()
        yield from place.unclaimed(except_beside=place.root / ANNOTATIONS if is_ours else None)


class _CocoFile:
    """Turn the content of one COCO file into items and refusals."""

    def __init__(self, place: Source, path: Path, coco: dict[str, Any], options: ImportOptions) -> None:
        self._place = place
        self._path = path
        self._coco = coco
        self._options = options
        self._where = place.name(path)
        self._labels = {
            entry["id"]: entry["name"]
            for entry in coco["categories"]
            if isinstance(entry, dict) and isinstance(entry.get("name"), str) and isinstance(entry.get("id"), int)
        }

    def read(self) -> Iterator[ImportedItem | Refusal]:
        by_image: dict[Any, list[tuple[str, dict[str, Any]]]] = {}
        for number, annotation in enumerate(self._coco["annotations"]):
            where = f"{self._where} annotations[{number}]"
            image_id = annotation.get("image_id") if isinstance(annotation, dict) else None
            if isinstance(image_id, (int, str)):
                by_image.setdefault(image_id, []).append((where, annotation))
            else:
                yield Refusal(where, "the annotation has no image_id")
        for number, entry in enumerate(self._coco["images"]):
            where = f"images[{number}]"
            try:
                yield from self._read_image(entry, by_image)
            except FetalFlexError as error:
                yield self._place.refusal(self._path, error, where)
        for image_id, orphans in by_image.items():
            for where, _ in orphans:
                yield Refusal(where, f"the image {shown(image_id)} that it belongs to could not be used")

    def _read_image(
        self, entry: Any, by_image: dict[Any, list[tuple[str, dict[str, Any]]]]
    ) -> Iterator[ImportedItem | Refusal]:
        if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
            raise FetalFlexError("the image has no file_name")
        if not isinstance(entry.get("id"), (int, str)):
            raise FetalFlexError(f"{entry['file_name']}: the image has no id")
        image = self._place.claim(entry["file_name"], self._path.parent)
        builder = self._place.builder(
            image, _declared_size(entry), _text(entry, "plane"), entry.get("pixel_spacing_mm")
        )
        split, quality = self._split(entry), _quality(entry)
        for where, annotation in by_image.pop(entry["id"], []):
            label = self._labels.get(_hashable(annotation.get("category_id")))
            if label is None:
                builder.refuse(where, f"there is no category with the id {shown(annotation.get('category_id'))}")
                continue
            size = (builder.width, builder.height)
            builder.add_made(label, partial(_box, annotation, size, self._options.rotated), where)
        extra = {key: value for key, value in entry.items() if key not in IMAGE_FIELDS | _BOOKKEEPING}
        yield from builder.finish(_text(entry, "patient"), _text(entry, "source"), split, quality, extra)

    def _split(self, entry: dict[str, Any]) -> str | None:
        split = _text(entry, "split")
        if split is not None and split not in SPLITS:
            raise FetalFlexError(f"split is {shown(split)}; it must be one of {', '.join(SPLITS)}")
        in_name = set(_SPLIT_IN_NAME.findall(self._path.stem.lower()))
        return split or split_of_folder(self._where) or (in_name.pop() if len(in_name) == 1 else None)


def _coco(content: Any) -> dict[str, Any]:
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise FetalFlexError(f"this is no COCO file, which has the lists {', '.join(keys)}")
    return content


def _names_every_plane(coco: dict[str, Any]) -> bool:
    images = coco["images"]
    return bool(images) and all(isinstance(entry, dict) and isinstance(entry.get("plane"), str) for entry in images)


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int) else None


def _text(entry: dict[str, Any], key: str) -> str | None:
    value = entry.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise FetalFlexError(f"{key} is {shown(value)}; it must be a text")
    return str(value)


def _quality(entry: dict[str, Any]) -> int | None:
    value = entry.get("quality")
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise FetalFlexError(f"quality is {shown(value)}; it must be a whole number from 0 on")


def _declared_size(entry: dict[str, Any]) -> tuple[float, float] | None:
    if entry.get("width") is None or entry.get("height") is None:
        return None
    return finite_number(entry["width"], "width"), finite_number(entry["height"], "height")


def _box(annotation: dict[str, Any], size: tuple[int, int], rotated: bool) -> Box:
    """Return the box of an annotation on an image of `size` (width, height) pixels."""
    # Annotation tools mark single structures as crowds too when they write them as masks, so those count.
    if annotation.get("iscrowd") and not isinstance(annotation.get("segmentation"), dict):
        raise FetalFlexError("it marks a crowd, not one structure")
    if "rotated_box" in annotation:
        return Box.from_dict(annotation["rotated_box"])
    if "ellipse" in annotation:
        return box_from_ellipse_entry(annotation["ellipse"])
    if annotation.get("bbox") and not (rotated and annotation.get("segmentation")):
        return Box.from_xywh(*_four_numbers(annotation["bbox"]))
    return _box_of_segmentation(annotation.get("segmentation"), size, rotated)


def _four_numbers(bbox: Any) -> list[float]:
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise FetalFlexError(f"bbox is {shown(bbox)}; it must be [x, y, width, height]")
    return [finite_number(value, "bbox") for value in bbox]


def _box_of_segmentation(segmentation: Any, size: tuple[int, int], rotated: bool) -> Box:
    if not segmentation:
        raise FetalFlexError("it has neither bbox nor segmentation")
    if isinstance(segmentation, dict):
        return box_of_mask(mask_from_rle(segmentation, *size), rotated)
    if not isinstance(segmentation, list) or not all(isinstance(part, list) for part in segmentation):
        raise FetalFlexError("its segmentation is neither a list of polygons nor a run-length encoded mask")
    values = [finite_number(value, "segmentation") for part in segmentation for value in part]
    if any(len(part) % 2 for part in segmentation):
        raise FetalFlexError("its segmentation has a polygon with an odd count of numbers")
    return Box.from_polygon(np.array(values).reshape(-1, 2), rotated=rotated)
