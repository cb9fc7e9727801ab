"""COCO as it is written, for type checkers: what a file holds beside the fields that an image may carry."""

from __future__ import annotations

from typing import NotRequired, TypedDict

from fetalflex.files.json_files import JsonObject


class CocoCategory(TypedDict):
    """A structure of the registry."""

    id: int
    name: str
    supercategory: str


class CocoAnnotation(TypedDict):
    """A placed structure; coordinates are pixel edges.

    Args:
        bbox: x, y, width, height of the upright box, pixels.
        area: of the box itself, square pixels.
        segmentation: corners of a rotated box, one list x0, y0, ..., x3, y3.
        rotated_box: the same box, as `Box.to_dict` gives it.
        score: by the detector that found it, in [0, 1].
    """

    id: int
    image_id: int
    category_id: int
    bbox: list[float]
    area: float
    iscrowd: int
    segmentation: NotRequired[list[list[float]]]
    rotated_box: NotRequired[dict[str, float]]
    score: NotRequired[object]


class CocoFile(TypedDict):
    """All that an annotation file holds; entries of `images` have fields of any name beside their own."""

    info: JsonObject
    licenses: list[JsonObject]
    categories: list[CocoCategory]
    images: list[JsonObject]
    annotations: list[CocoAnnotation]
