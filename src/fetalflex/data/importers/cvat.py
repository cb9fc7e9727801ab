"""CVAT 1.1: one XML file for all images of a task, or for the tracks of a video."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.reading import number, read_xml
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class CvatImporter:
    """Read CVAT files for images and for videos.

    Boxes and ellipses may be rotated; masks give their upright box; polylines, points, cuboids and skeletons are
    refused. Tags of an image are kept in its extra field `tags`. The frames of a video are matched to images by the
    last number in the file name; where a track is marked `outside`, its structure is not there, so no box is missing.
    """

    name = "cvat"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        roots = []
        refusals = []
        for path in place.annotation_files([".xml"]):
            try:
                root = read_xml(path)
                if root.tag != "annotations":
                    raise FetalFlexError(f"the root element is <{root.tag}>; CVAT has <annotations>")
                roots.append((path, root))
            except FetalFlexError as error:
                refusals.append(place.refusal(path, error))
        if not roots:
            raise FetalFlexError(f"{source} holds no CVAT file; {refusals[0].where}: {refusals[0].reason}")
        yield from refusals
        for path, root in roots:
            yield from _read_images(place, path, root, options)
            yield from _read_tracks(place, path, root, options)
        yield from place.unclaimed()


def _read_images(place: Source, path: Path, root: Element, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
    for index, element in enumerate(root.iterfind("image"), start=1):
        name = element.get("name") or ""
        try:
            image = place.claim(name, path.parent)
            builder = place.builder(image, _declared_size(element))
        except FetalFlexError as error:
            yield place.refusal(path, error, f"image {index}")
            continue
        where = f"{place.name(path)} image {name!r}"
        tags = {}
        for shape_index, shape in enumerate(element, start=1):
            label = shape.get("label", "")
            if shape.tag == "tag":
                tags[label] = {one.get("name", ""): (one.text or "").strip() for one in shape.iterfind("attribute")}
            else:
                builder.add_made(label, partial(_box, shape, options.rotated), f"{where} shape {shape_index}")
        split = split_of_folder(place.name(image)) or split_of_folder(f"{element.get('subset', '')}/")
        yield from builder.finish(split=split, extra={"tags": tags} if tags else None)


def _read_tracks(place: Source, path: Path, root: Element, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
    frames: dict[int, list[tuple[str, str, Element]]] = {}
    for track in root.iterfind("track"):
        where = f"{place.name(path)} track {track.get('id', '?')}"
        for shape in track:
            frame = shape.get("frame", "")
            if not frame.isdecimal() or len(frame) > 9:
                yield Refusal(where, f"the shape has the frame {frame!r}; it must be a number from 0 on")
            elif shape.get("outside") != "1":
                frames.setdefault(int(frame), []).append((f"{where} frame {frame}", track.get("label", ""), shape))
    if not frames:
        return
    images = _images_by_number(place)
    for frame_number, shapes in sorted(frames.items()):
        try:
            candidates = images.get(frame_number, [])
            if len(candidates) != 1:
                raise FetalFlexError(f"{len(candidates)} images have the frame's number at the end of their name")
            image = place.claim(candidates[0], place.root)
            builder = place.builder(image)
        except FetalFlexError as error:
            yield place.refusal(path, error, f"frame {frame_number}")
            continue
        for where, label, shape in shapes:
            builder.add_made(label, partial(_box, shape, options.rotated), where)
        yield from builder.finish(split=split_of_folder(place.name(image)))


def _images_by_number(place: Source) -> dict[int, list[str]]:
    """Return the names of the images, relative to the source, by the last number in them."""
    images: dict[int, list[str]] = {}
    for image in place.images:
        match = _LAST_NUMBER.search(image.stem)
        if match:
            images.setdefault(int(match.group(1)[-18:]), []).append(place.name(image))
    return images


def _declared_size(element: Element) -> tuple[float, float] | None:
    if element.get("width") is None or element.get("height") is None:
        return None
    return _attribute(element, "width"), _attribute(element, "height")


def _attribute(element: Element, name: str) -> float:
    return number(element.get(name), name)


def _box(shape: Element, rotated: bool) -> Box:
    rotation = _attribute(shape, "rotation") if shape.get("rotation") is not None else 0.0
    if shape.tag == "box":
        return Box.from_corners(*(_attribute(shape, key) for key in ("xtl", "ytl", "xbr", "ybr"))).rotated(rotation)
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (_attribute(shape, key) for key in ("cx", "cy", "rx", "ry"))
        return Box.from_ellipse(cx, cy, rx, ry, rotation)
    if shape.tag == "polygon":
        return Box.from_polygon(_points(shape.get("points", "")), rotated=rotated)
    if shape.tag == "mask":
        return Box.from_xywh(*(_attribute(shape, key) for key in ("left", "top", "width", "height")))
    raise FetalFlexError(f"a <{shape.tag}> has no box")


def _points(text: str) -> NDArray[np.float64]:
    """Return the points of "x,y;x,y;..." as `(N, 2) float64`."""
    points = [pair.split(",") for pair in text.split(";")]
    if any(len(pair) != 2 for pair in points):
        raise FetalFlexError("the polygon's points are no list of x,y;x,y;...")
    return np.array([[number(x, "x"), number(y, "y")] for x, y in points])
