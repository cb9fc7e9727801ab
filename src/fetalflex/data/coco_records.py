"""Records as a COCO dictionary and back.

Beside COCO's own fields every image entry carries `plane` and may carry `patient`, `source`, `split`, `quality` and
`pixel_spacing_mm`. `bbox` is always upright; a rotated box stands in `rotated_box` too, and its corners in
`segmentation`. An `ellipse` with `center`, `semi_axes` and `angle_deg` is read as the rotated box that touches it.
Where a detector has found the boxes, the image entry's `scores` list one number for each, and every annotation has its
own as `score`. Where images are synthetic, each has `synthetic`, and `info` says how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import finite_number, finite_numbers, shown, whole_number
from fetalflex.data.coco_types import CocoAnnotation, CocoFile
from fetalflex.data.records import IMAGE_FIELDS, Record
from fetalflex.data.utf8_text import check_text
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping, JsonObject
from fetalflex.provenance.mark import NOTICE, mark_of_fields

_LARGEST_ID = 2**53


def coco_from_records(
    records: Sequence[Record],
    registry: Registry,
    info: JsonMapping | None = None,
    licenses: Sequence[JsonMapping] = (),
) -> CocoFile:
    """Return a COCO dictionary; its categories are all structures of the registry in the registry's order.

    Args:
        records: Records with distinct file names.
        registry: Registry that knows every structure of the records.
        info: COCO's `info`.
        licenses: COCO's `licenses`, which `license` in a record's extra fields refers to.

    Raises:
        FetalFlexError: If a structure is unknown or two records have the same file name.
    """
    category_ids = {structure.name: number for number, structure in enumerate(registry.structures, start=1)}
    images: list[JsonObject] = []
    annotations: list[CocoAnnotation] = []
    names: set[str] = set()
    for image_id, record in enumerate(records, start=1):
        if record.file_name in names:
            raise FetalFlexError(f"two images have the file name {record.file_name}; rename one")
        names.add(record.file_name)
        images.append({"id": image_id, **image_entry(record)})
        for placed, score in zip(record.layout.structures, _scores(record), strict=True):
            if placed.name not in category_ids:
                raise FetalFlexError(f"{record.file_name}: {placed.name!r} is no structure of the registry")
            entry = annotation_entry(placed, len(annotations) + 1, image_id, category_ids[placed.name])
            if score is not None:
                entry["score"] = score
            annotations.append(entry)
    return {
        "info": {**(info or {}), **_told_synthetic(records)},
        "licenses": [dict(one) for one in licenses],
        "categories": [{"id": number, "name": name, "supercategory": ""} for name, number in category_ids.items()],
        "images": images,
        "annotations": annotations,
    }


def records_from_coco(coco: object, registry: Registry, where: str) -> tuple[Record, ...]:
    """Return the records of a COCO dictionary, in the order of its images.

    Args:
        coco: Parsed JSON; nothing is taken for granted.
        registry: Registry that knows the planes and categories, if only by synonyms.
        where: File that the dictionary comes from, for messages.

    Raises:
        FetalFlexError: If a field is missing or wrong; the message names the entry.
    """
    if not isinstance(coco, dict):
        raise FetalFlexError(f"{where} holds {shown(coco)}; a COCO file holds one object with images and annotations")
    categories = _categories(_entries(coco, "categories", where), registry, where)
    structures = _structures(_entries(coco, "annotations", where), categories, where)
    records = []
    names: set[str] = set()
    ids: set[int] = set()
    for number, entry in enumerate(_entries(coco, "images", where)):
        place = f"{where}: images[{number}]"
        image_id = whole_number(entry.get("id"), f"{place}: id", 0, _LARGEST_ID)
        if image_id in ids:
            raise FetalFlexError(f"{place}: the id {image_id} is used twice")
        ids.add(image_id)
        record = record_of_entry(entry, tuple(structures.pop(image_id, ())), registry, place)
        if record.file_name in names:
            raise FetalFlexError(f"{place}: the file name {record.file_name} is used twice")
        names.add(record.file_name)
        records.append(record)
    if structures:
        raise FetalFlexError(f"{where}: annotations refer to the image id {min(structures)}, which no image has")
    return tuple(records)


def image_entry(record: Record) -> JsonObject:
    """Return a record without its structures as an entry of COCO's `images`, save for the `id`."""
    layout = record.layout
    named = {
        "plane": layout.plane,
        "patient": record.patient,
        "source": record.source,
        "split": record.split,
        "quality": record.quality,
        "pixel_spacing_mm": layout.pixel_spacing_mm,
    }
    entry: JsonObject = {
        "file_name": record.file_name,
        "width": layout.width,
        "height": layout.height,
    }
    entry.update({key: value for key, value in named.items() if value is not None})
    return {**entry, **record.extra}


def _told_synthetic(records: Sequence[Record]) -> JsonObject:
    """Return what COCO's `info` says of synthetic images; nothing without any."""
    count = sum(mark_of_fields(record.extra) is not None for record in records)
    return {"synthetic_images": count, "notice": NOTICE} if count else {}


def _scores(record: Record) -> list[object]:
    """Return the score of each box, None for each where there is not one for every box."""
    scores, count = record.extra.get("scores"), len(record.layout.structures)
    return scores if isinstance(scores, list) and len(scores) == count else [None] * count


def annotation_entry(placed: PlacedStructure, annotation_id: int, image_id: int, category_id: int) -> CocoAnnotation:
    """Return a placed structure as an entry of COCO's `annotations`."""
    box = placed.box
    entry: CocoAnnotation = {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": list(box.xywh()),
        "area": box.area,
        "iscrowd": 0,
    }
    if box.is_rotated:
        entry["segmentation"] = [box.polygon().ravel().tolist()]
        entry["rotated_box"] = box.to_dict()
    return entry


def _entries(coco: JsonObject, key: str, where: str) -> list[JsonObject]:
    entries = coco.get(key)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise FetalFlexError(f"{where}: {key} is {shown(entries)}; it must be a list of objects")
    return entries


def _categories(entries: list[JsonObject], registry: Registry, where: str) -> dict[int, str]:
    names = {}
    for number, entry in enumerate(entries):
        place = f"{where}: categories[{number}]"
        category_id = whole_number(entry.get("id"), f"{place}: id", 0, _LARGEST_ID)
        if category_id in names:
            raise FetalFlexError(f"{place}: the id {category_id} is used twice")
        try:
            names[category_id] = registry.structure(_text(entry.get("name"), "name")).name
        except FetalFlexError as error:
            raise FetalFlexError(f"{place}: {error}") from error
    return names


def _structures(entries: list[JsonObject], categories: dict[int, str], where: str) -> dict[int, list[PlacedStructure]]:
    """Return the placed structures of each image id."""
    structures: dict[int, list[PlacedStructure]] = {}
    for number, entry in enumerate(entries):
        place = f"{where}: annotations[{number}]"
        image_id = whole_number(entry.get("image_id"), f"{place}: image_id", 0, _LARGEST_ID)
        category_id = whole_number(entry.get("category_id"), f"{place}: category_id", 0, _LARGEST_ID)
        if category_id not in categories:
            raise FetalFlexError(f"{place}: there is no category with the id {category_id}")
        try:
            box = _box(entry)
        except FetalFlexError as error:
            raise FetalFlexError(f"{place}: {error}") from error
        structures.setdefault(image_id, []).append(PlacedStructure(categories[category_id], box))
    return structures


def _box(entry: JsonObject) -> Box:
    if "rotated_box" in entry:
        return Box.from_dict(entry["rotated_box"])
    if "ellipse" in entry:
        return box_from_ellipse_entry(entry["ellipse"])
    return Box.from_xywh(*finite_numbers(entry.get("bbox"), "bbox", 4))


def box_from_ellipse_entry(ellipse: object) -> Box:
    """Return the rotated box of an `ellipse` entry: `center` [x, y], `semi_axes` [a, b], `angle_deg` clockwise.

    Raises:
        FetalFlexError: If a field is missing or no number.
    """
    if not isinstance(ellipse, dict):
        raise FetalFlexError(f"ellipse is {shown(ellipse)}; it must be an object with center, semi_axes and angle_deg")
    cx, cy = finite_numbers(ellipse.get("center"), "ellipse center", 2)
    a, b = finite_numbers(ellipse.get("semi_axes"), "ellipse semi_axes", 2)
    return Box.from_ellipse(cx, cy, a, b, finite_number(ellipse.get("angle_deg"), "ellipse angle_deg"))


def record_of_entry(
    entry: JsonMapping, structures: tuple[PlacedStructure, ...], registry: Registry, place: str
) -> Record:
    """Return the record of an entry of COCO's `images`.

    Args:
        entry: Parsed JSON; nothing is taken for granted.
        structures: The record's structures, from the annotations.
        registry: Registry that knows the plane, if only by a synonym.
        place: File and entry, for messages.

    Raises:
        FetalFlexError: If a field is missing or wrong.
    """
    try:
        check_text({key: value for key, value in entry.items() if key != "file_name"}, "the entry")
        layout = Layout(
            plane=registry.plane(_text(entry.get("plane"), "plane")).name,
            width=whole_number(entry.get("width"), "width", 1, 16384),
            height=whole_number(entry.get("height"), "height", 1, 16384),
            structures=structures,
            pixel_spacing_mm=entry.get("pixel_spacing_mm"),
        )
        quality = entry.get("quality")
        return Record(
            file_name=_text(entry.get("file_name"), "file_name"),
            layout=layout,
            patient=_optional_text(entry.get("patient"), "patient"),
            source=_optional_text(entry.get("source"), "source"),
            split=_optional_text(entry.get("split"), "split"),
            quality=None if quality is None else whole_number(quality, "quality", 0, 1000),
            extra={key: value for key, value in entry.items() if key not in IMAGE_FIELDS},
        )
    except FetalFlexError as error:
        raise FetalFlexError(f"{place}: {error}") from error


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not value:
        raise FetalFlexError(f"{field} must be a text, got {shown(value)}")
    return value


def _optional_text(value: object, field: str) -> str | None:
    return None if value is None else _text(value, field)
