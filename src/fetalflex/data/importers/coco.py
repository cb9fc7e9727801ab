"""COCO: JSON with images, categories and annotations as boxes, polygons or run-length encoded masks."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.checks import finite_number, finite_numbers, shown, whole_number
from fetalflex.data.coco_records import box_from_ellipse_entry
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.data.image_files import SUFFIXES
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.image_names import Match
from fetalflex.data.importers.numbers import Keys, count_doubt, flag, key_of
from fetalflex.data.importers.reading import read_annotations
from fetalflex.data.importers.run_lengths import box_of_rle
from fetalflex.data.importers.sources import Reference, Source, split_of_folder
from fetalflex.data.importers.units import Form, doubt_about_form, form_by_area, polygon_box, quad_box, scale_of, scaled
from fetalflex.data.records import IMAGE_FIELDS, SPLITS
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

_BOOKKEEPING = frozenset({"license", "coco_url", "flickr_url", "date_captured"})
_BEST_QUALITY = 1000
_LAST_FRAME = 2**31
_LEAST_OVERLAP = 0.25
"""Of `bbox` and what is around the segmentation, as intersection over union; they should be equal."""
_SUBSET = re.compile(r"(?:instances|annotations|person_keypoints|labels)_(.+)", re.IGNORECASE)
_SPLIT_IN_NAME = re.compile(r"(?<![a-z])(train|val|test)(?![a-z])")


class CocoImporter:
    """Read COCO files, their own folder, an `annotations` folder, or a Roboflow export with one file per split.

    A box comes from `rotated_box` or `ellipse` where this project's fields are there, else from `bbox`, else from the
    segmentation; with the option `rotated`, from the segmentation before `bbox`. Images may carry `plane`, `patient`,
    `source`, `split`, `quality` and `pixel_spacing_mm`, and for a DICOM file of several frames `frame`, from 1, so that
    each frame may have an entry of its own; other fields are kept, save for licence numbers, addresses and
    dates.

    A data set folder of this project is told by an `annotations.json` that names the plane of every image. JSON files
    in it that are no COCO (layouts, reports) and pictures beside `annotations.json` that it does not name (sheets) are
    passed over; anywhere else they are refused, so that nothing is left out unseen.

    Ids may be whole numbers, also written 1.0, or texts; an id with two meanings is refused with all that it names. A
    `bbox` is the corner and the size in pixels unless `area` says that it holds two corners or the options say another
    unit or form; a `bbox` without size gives way to the segmentation.
    """

    name = "coco"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        files: list[tuple[Path, JsonObject]] = []
        refusals: list[Finding] = []
        is_ours = False
        for path in place.readable(place.annotation_files([".json"], usual=["annotations"])):
            if isinstance(path, Finding):
                refusals.append(path)
                continue
            try:
                coco = _coco(read_annotations(path))
            except FetalFlexError as error:
                refusals.append(place.refusal(path, error))
                continue
            files.append((path, coco))
            is_ours |= path == place.root / ANNOTATIONS and _names_every_plane(coco)
        if not files:
            raise FetalFlexError(f"{source} holds no COCO file; {refusals[0].where}: {refusals[0].reason}")
        yield from () if is_ours else refusals
        readers = [_CocoFile(place, path, coco, options) for path, coco in files]
        matches = iter(place.match([reference for reader in readers for reference in reader.references()]))
        for reader in readers:
            yield from reader.read(matches)
        yield from place.unclaimed(except_beside=place.root / ANNOTATIONS if is_ours else None)


class _CocoFile:
    """Turn the content of one COCO file into items and refusals."""

    def __init__(self, place: Source, path: Path, coco: JsonObject, options: ImportOptions) -> None:
        self._place = place
        self._path = path
        self._coco = coco
        self._options = options
        self._where = place.name(path)
        self._labels: Keys[int | str, str] = Keys("category id")
        for number, entry in enumerate(coco["categories"]):
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                with contextlib.suppress(FetalFlexError):
                    self._labels.add(key_of(entry.get("id"), "id"), entry["name"], f"categories[{number}]")
        self._count_doubt: str | None = None
        self._ids: Keys[int | str, str] = Keys("image id")
        self._images: list[tuple[str, JsonObject, int | str] | Finding] = []
        for number, entry in enumerate(coco["images"]):
            where = f"images[{number}]"
            try:
                key = _named(entry)
            except FetalFlexError as error:
                self._images.append(place.refusal(path, error, where))
                continue
            self._images.append((where, entry, key))
            self._ids.add(key, where, f"{where} ({entry['file_name']})")

    def references(self) -> list[Reference]:
        """Return the names of the file's images that can be matched, in order."""
        subset = _subset(self._path)
        return [
            Reference(
                entry["file_name"],
                f"{self._where} {where}",
                self._path.parent,
                folder=subset,
                frame=_frame_or_none(entry),
            )
            for where, entry, _ in (one for one in self._images if not isinstance(one, Finding))
        ]

    def read(self, matches: Iterator[Match | FetalFlexError]) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; takes one match for each of `references`."""
        by_image: dict[str, list[tuple[str, JsonObject]]] = {}
        for number, annotation in enumerate(self._coco["annotations"]):
            where = f"{self._where} annotations[{number}]"
            try:
                if not isinstance(annotation, dict) or annotation.get("image_id") is None:
                    raise FetalFlexError("the annotation has no image_id")
                image_id = key_of(annotation["image_id"], "image_id")
                known = self._ids.get(image_id)
            except KeyError:
                yield Finding(where, f"the image {shown(annotation['image_id'])} that it belongs to could not be used")
            except FetalFlexError as error:
                yield Finding(where, str(error))
            else:
                by_image.setdefault(known, []).append((where, annotation))
        form, doubt = self._form(by_image)
        self._count_doubt = count_doubt(
            _whole_numbers(self._coco["annotations"], "category_id"),
            [key for key, _ in self._labels.items() if isinstance(key, int)],
            "category ids",
        )
        for one in self._images:
            if isinstance(one, Finding):
                yield one
                continue
            where, entry, key = one
            match = next(matches)
            try:
                if self._ids.is_double(key):
                    self._ids.get(key)
                if isinstance(match, FetalFlexError):
                    raise match
                yield from self._read_image(match, entry, by_image.pop(where, []), form, doubt)
            except FetalFlexError as error:
                yield self._place.refusal(self._path, error, where)
                for place, annotation in by_image.pop(where, []):
                    image = shown(annotation["image_id"])
                    yield Finding(place, f"the image {image} that it belongs to could not be used")

    def _form(self, by_image: dict[str, list[tuple[str, JsonObject]]]) -> tuple[Form, str | None]:
        """Return what the file's four numbers are, and what to say where that is in doubt."""
        if self._options.box_form is not None:
            return self._options.form_or("size"), None
        sizes = {where: entry for where, entry, _ in (one for one in self._images if not isinstance(one, Finding))}
        quads, with_area = [], []
        for where, belonging in by_image.items():
            for _, annotation in belonging:
                quad = _plain_quad(annotation)
                if quad is None or "rotated_box" in annotation or "ellipse" in annotation:
                    continue
                area = annotation.get("area")
                if isinstance(area, (int, float)) and 0 < area < math.inf and not annotation.get("segmentation"):
                    with_area.append((quad, float(area)))
                with contextlib.suppress(FetalFlexError):
                    if (size := _declared_size(sizes[where])) is not None:
                        quads.append((quad, size))
        try:
            told = form_by_area(with_area)
        except FetalFlexError as error:
            return "size", str(error)
        return told or "size", doubt_about_form(quads, "size") if told is None else None

    def _read_image(
        self,
        match: Match,
        entry: JsonObject,
        annotations: list[tuple[str, JsonObject]],
        form: Form,
        doubt: str | None,
    ) -> Iterator[ImportedItem | Finding]:
        builder = self._place.builder(
            match, _declared_size(entry), _text(entry, "plane"), entry.get("pixel_spacing_mm"), frame=_frame(entry)
        )
        split, quality = self._split(entry), _quality(entry)
        if form != "size" and self._options.box_form is None and annotations:
            reason = f"bbox is read as two corners, as area says, such as in {annotations[0][0]}"
            builder.note(self._place.name(match.image), reason)
        reader = _Boxes((builder.width, builder.height), self._options, form, doubt)
        for where, annotation in annotations:
            if self._count_doubt is not None:
                builder.refuse(where, self._count_doubt)
                continue
            try:
                label = self._labels.get(key_of(annotation.get("category_id"), "category_id"))
            except (KeyError, FetalFlexError) as error:
                known = isinstance(error, FetalFlexError) and "category_id" not in str(error)
                missing = f"there is no category with the id {shown(annotation.get('category_id'))}"
                builder.refuse(where, str(error) if known else missing)
                continue
            builder.add_made(label, partial(reader.box, annotation), where)
        extra = {key: value for key, value in entry.items() if key not in IMAGE_FIELDS | _BOOKKEEPING}
        yield from builder.finish(_text(entry, "patient"), _text(entry, "source"), split, quality, extra)

    def _split(self, entry: JsonObject) -> str | None:
        split = _text(entry, "split")
        if split is not None and split not in SPLITS:
            raise FetalFlexError(f"split is {shown(split)}; it must be one of {', '.join(SPLITS)}")
        in_name = set(_SPLIT_IN_NAME.findall(self._path.stem.lower()))
        return split or split_of_folder(self._where) or (in_name.pop() if len(in_name) == 1 else None)


def _whole_numbers(entries: list[object], field: str) -> set[int]:
    """Return the whole numbers that stand in a field of some entries."""
    found = set()
    for entry in entries:
        if isinstance(entry, dict):
            with contextlib.suppress(FetalFlexError):
                key = key_of(entry.get(field), field)
                if isinstance(key, int):
                    found.add(key)
    return found


def _coco(content: object) -> JsonObject:
    keys = ("images", "annotations", "categories")
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in keys):
        raise FetalFlexError(f"this is no COCO file, which has the lists {', '.join(keys)}")
    return content


def _names_every_plane(coco: JsonObject) -> bool:
    images = coco["images"]
    return bool(images) and all(isinstance(entry, dict) and isinstance(entry.get("plane"), str) for entry in images)


def _named(entry: object) -> int | str:
    """Return the id of an image entry that has a name and an id."""
    if not isinstance(entry, dict) or not isinstance(entry.get("file_name"), str):
        raise FetalFlexError("the image has no file_name")
    if entry.get("id") is None:
        raise FetalFlexError(f"{entry['file_name']}: the image has no id")
    return key_of(entry["id"], f"{entry['file_name']}: id")


def _subset(path: Path) -> str | None:
    """Return the subset that a file is named after, as in instances_Train.json."""
    match = _SUBSET.fullmatch(path.stem)
    return match.group(1) if match else None


def _plain_quad(annotation: JsonObject) -> list[float] | None:
    """Return the four numbers of a bbox with a size, None if it has none."""
    try:
        values = finite_numbers(annotation.get("bbox"), "bbox", 4)
    except FetalFlexError:
        return None
    return values if values[2] > 0 and values[3] > 0 else None


def _text(entry: JsonObject, key: str) -> str | None:
    value = entry.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise FetalFlexError(f"{key} is {shown(value)}; it must be a text")
    return str(value)


def _quality(entry: JsonObject) -> int | None:
    value = entry.get("quality")
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _BEST_QUALITY:
        return value
    raise FetalFlexError(f"quality is {shown(value)}; it must be a whole number from 0 to {_BEST_QUALITY}")


def _frame(entry: JsonObject) -> int | None:
    """Return the frame of a DICOM file that an image entry is about; in entries of other files it says nothing."""
    value = entry.get("frame")
    if value is None or Path(entry["file_name"]).suffix.lower() in SUFFIXES:
        return None
    return whole_number(value, "frame", 1, _LAST_FRAME)


def _frame_or_none(entry: JsonObject) -> int | None:
    with contextlib.suppress(FetalFlexError):
        return _frame(entry)
    return None


def _declared_size(entry: JsonObject) -> tuple[float, float] | None:
    if entry.get("width") is None or entry.get("height") is None:
        return None
    return finite_number(entry["width"], "width"), finite_number(entry["height"], "height")


class _Boxes:
    """Make the boxes of one image from its annotations.

    Args:
        size: Width and height of the image.
        options: What the user says about the source.
        form: What the four numbers of `bbox` are.
        doubt: Why that is not known.
    """

    def __init__(self, size: tuple[int, int], options: ImportOptions, form: Form, doubt: str | None) -> None:
        self._size = size
        self._options = options
        self._scale = scale_of(options.unit_or("pixels"), size)
        self._rotated = options.rotated
        self._form: Form = form
        self._doubt = doubt

    def box(self, annotation: JsonObject) -> Box:
        """Return the box of an annotation in pixels."""
        segmentation = annotation.get("segmentation")
        # Annotation tools mark single structures as crowds too when they write them as masks, so those count.
        if flag(annotation.get("iscrowd"), "iscrowd") and not isinstance(segmentation, dict):
            raise FetalFlexError("it marks a crowd, not one structure")
        if "rotated_box" in annotation:
            return Box.from_dict(annotation["rotated_box"])
        if "ellipse" in annotation:
            return box_from_ellipse_entry(annotation["ellipse"])
        bbox = annotation.get("bbox")
        is_empty = not bbox or (segmentation and _is_without_size(bbox))
        if not is_empty and not (self._rotated and segmentation):
            values = finite_numbers(bbox, "bbox", 4)
            if self._doubt is not None:
                raise FetalFlexError(self._doubt)
            (sx, sy) = self._scale
            box = quad_box([values[0] * sx, values[1] * sy, values[2] * sx, values[3] * sy], self._form)
            if segmentation and _overlap(box, self._bounds(segmentation)) < _LEAST_OVERLAP:
                raise FetalFlexError("bbox and segmentation are of different places or sizes; remove the wrong one")
            return box
        return self._of_segmentation(segmentation)

    def _bounds(self, segmentation: object) -> Box | None:
        """Return the upright box of a segmentation; None if it has none."""
        upright = _Boxes(self._size, replace(self._options, rotated=False), self._form, None)
        try:
            return upright._of_segmentation(segmentation)
        except FetalFlexError:
            return None

    def _of_segmentation(self, segmentation: object) -> Box:
        if not segmentation:
            raise FetalFlexError("it has neither bbox nor segmentation")
        if isinstance(segmentation, dict):
            return box_of_rle(segmentation, *self._size, rotated=self._rotated)
        if not isinstance(segmentation, list) or not all(isinstance(part, list) for part in segmentation):
            raise FetalFlexError("its segmentation is neither a list of polygons nor a run-length encoded mask")
        values = [finite_number(value, "segmentation") for part in segmentation for value in part]
        if any(len(part) % 2 for part in segmentation):
            raise FetalFlexError("its segmentation has a polygon with an odd count of numbers")
        points = np.array(values).reshape(-1, 2)
        return polygon_box(scaled(points, self._scale), rotated=self._rotated)


def _overlap(box: Box, other: Box | None) -> float:
    """Return intersection over union of two upright boxes; 1 if there is only one."""
    if other is None:
        return 1.0
    (ax, ay, bx, by), (cx, cy, dx, dy) = box.corners(), other.corners()
    common = max(0.0, min(bx, dx) - max(ax, cx)) * max(0.0, min(by, dy) - max(ay, cy))
    return common / (box.width * box.height + other.width * other.height - common)


def _is_without_size(bbox: object) -> bool:
    return isinstance(bbox, list) and len(bbox) == 4 and 0 in bbox[2:]
