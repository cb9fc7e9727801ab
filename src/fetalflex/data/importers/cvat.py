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
from fetalflex.checks import shown
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.image_names import Match, Reference
from fetalflex.data.importers.numbers import flag, whole
from fetalflex.data.importers.reading import number, read_xml
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.importers.units import polygon_box, scale_of, scaled
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


class CvatImporter:
    """Read CVAT files for images and for videos.

    Boxes and ellipses may be rotated; masks give their upright box; polylines, points, cuboids and skeletons are
    refused. Tags of an image are kept in its extra field `tags`. An image's `subset` is looked for as a folder. The
    frames of a video are matched to images by the last number in the file name, which may count from 0 or from 1; see
    `first_frame`. Where a track is marked `outside`, its structure is not there, so no box is missing.
    """

    name = "cvat"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        roots = []
        refusals = []
        for path in place.readable(place.annotation_files([".xml"])):
            if isinstance(path, Finding):
                refusals.append(path)
                continue
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
        videos = [_Video(place, path, root, options) for path, root in roots]
        references = [
            Reference(
                element.get("name") or "",
                f"{place.name(path)} image {index}",
                path.parent,
                subset=element.get("subset") or None,
            )
            for path, root in roots
            for index, element in enumerate(root.iterfind("image"), start=1)
        ]
        count = len(references)
        matches = place.match([*references, *(one for video in videos for one in video.references)])
        images, frames = iter(matches[:count]), iter(matches[count:])
        for (path, root), video in zip(roots, videos, strict=True):
            yield from _read_images(place, path, root, options, images)
            yield from video.read(frames)
        yield from place.unclaimed()


def _read_images(
    place: Source, path: Path, root: Element, options: ImportOptions, matches: Iterator[Match | FetalFlexError]
) -> Iterator[ImportedItem | Finding]:
    for index, element in enumerate(root.iterfind("image"), start=1):
        name = element.get("name") or ""
        match = next(matches)
        try:
            if isinstance(match, FetalFlexError):
                raise match
            builder = place.builder(match, _declared_size(element))
        except FetalFlexError as error:
            yield place.refusal(path, error, f"image {index}")
            continue
        scale = scale_of(options.unit_or("pixels"), (builder.width, builder.height))
        where = f"{place.name(path)} image {name!r}"
        tags = {}
        for shape_index, shape in enumerate(element, start=1):
            label = shape.get("label", "")
            if shape.tag == "tag":
                tags[label] = {one.get("name", ""): (one.text or "").strip() for one in shape.iterfind("attribute")}
            else:
                builder.add_made(label, partial(_box, shape, scale, options.rotated), f"{where} shape {shape_index}")
        split = split_of_folder(place.name(match.image)) or split_of_folder(f"{element.get('subset', '')}/")
        try:
            yield from builder.finish(split=split, extra={"tags": tags} if tags else None)
        except FetalFlexError as error:
            yield place.refusal(path, error, f"image {index}")


class _Video:
    """Read the tracks of one file.

    Args:
        place: The source.
        path: The file.
        root: Its root element.
        options: What the user says about the source.

    Attributes:
        references: The images of those frames that have one, in the order of the frames.
    """

    def __init__(self, place: Source, path: Path, root: Element, options: ImportOptions) -> None:
        self._place = place
        self._path = path
        self._options = options
        self._refusals: list[Finding] = []
        self._frames: dict[int, list[tuple[str, str, Element]]] = {}
        tracked: set[int] = set()
        for index, track in enumerate(root.iterfind("track"), start=1):
            self._add_track(track, f"{place.name(path)} track {track.get('id', index)}", tracked)
        self._images = _images_by_number(place, path.parent) if self._frames else {}
        self._first: int | FetalFlexError = 0
        if self._frames:
            try:
                self._first = first_frame(root, tracked, set(self._images), options.first_frame)
            except FetalFlexError as error:
                self._first = error
        self.references = [
            Reference(images[0], f"{place.name(path)} frame {frame}", place.root)
            for frame, images in ((frame, self._images_of(frame)) for frame in sorted(self._frames))
            if len(images) == 1
        ]

    def read(self, matches: Iterator[Match | FetalFlexError]) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; takes one match for each of `references`."""
        yield from self._refusals
        if isinstance(self._first, FetalFlexError):
            yield self._place.refusal(self._path, self._first, "tracks")
            return
        for frame in sorted(self._frames):
            images = self._images_of(frame)
            try:
                if len(images) != 1:
                    named = f"the frame's number{f' {frame + self._first}' if self._first else ''}"
                    raise FetalFlexError(f"{len(images)} images have {named}")
                match = next(matches)
                if isinstance(match, FetalFlexError):
                    raise match
                builder = self._place.builder(match)
                scale = scale_of(self._options.unit_or("pixels"), (builder.width, builder.height))
                for where, label, shape in self._frames[frame]:
                    builder.add_made(label, partial(_box, shape, scale, self._options.rotated), where)
                yield from builder.finish(split=split_of_folder(self._place.name(match.image)))
            except FetalFlexError as error:
                yield self._place.refusal(self._path, error, f"frame {frame}")

    def _images_of(self, frame: int) -> list[str]:
        return [] if isinstance(self._first, FetalFlexError) else self._images.get(frame + self._first, [])

    def _add_track(self, track: Element, where: str, tracked: set[int]) -> None:
        by_frame: dict[int, list[Element]] = {}
        for shape in track:
            text = shape.get("frame", "")
            try:
                frame = whole(text, "frame")
            except FetalFlexError:
                reason = f"the shape has the frame {shown(text)}; it must be a number from 0 on"
                self._refusals.append(Finding(where, reason))
                continue
            by_frame.setdefault(frame, []).append(shape)
        tracked.update(by_frame)
        for frame, shapes in by_frame.items():
            place = f"{where} frame {frame}"
            try:
                there = [shape for shape in shapes if not flag(shape.get("outside"), "outside")]
            except FetalFlexError as error:
                self._refusals.append(Finding(place, str(error)))
                continue
            if len(shapes) > 1:
                self._refusals.append(Finding(place, "the track has this frame twice; keep one"))
            elif there:
                self._frames.setdefault(frame, []).append((place, track.get("label", ""), there[0]))


def first_frame(root: Element, frames: set[int], numbers: set[int], stated: int | None) -> int:
    """Return the number in the name of the image that is frame 0 of a video.

    CVAT counts frames from 0; tools that cut a video into images may count from 1, or from where the task begins. Told
    is what only one count allows: all images lie within the video, or are exactly the frames with boxes.

    Args:
        root: The file's root, with the length of the video if it is known.
        frames: Frames that tracks have.
        numbers: Numbers of the images.
        stated: What the user says.

    Raises:
        FetalFlexError: If images may be counted in several ways.
    """
    if stated is not None or not numbers:
        return stated or 0
    length = _task_number(root, "size")
    if _task_number(root, "start_frame") or (root.findtext("meta/task/frame_filter") or "").strip():
        possible = [first for first in (0, 1) if {frame + first for frame in frames} == numbers]
    elif length is not None and max(frames) < length:
        possible = [first for first in (0, 1) if min(numbers) >= first and max(numbers) < length + first]
        if len(possible) > 1 and len(numbers) < length:
            possible = [first for first in possible if {frame + first for frame in frames} == numbers] or possible
    elif 0 in numbers:
        possible = [0]
    else:
        possible = [first for first in (0, 1) if {frame + first for frame in frames} == numbers]
    if len(possible) == 1:
        return possible[0]
    lowest, highest = min(numbers), max(numbers)
    raise FetalFlexError(
        f"the video has the frames {min(frames)} to {max(frames)} and the images the numbers {lowest} to {highest}, so "
        "it is not told which image is frame 0; say its number with --first-frame, such as 0 or 1"
    )


def _task_number(root: Element, field: str) -> int | None:
    text = root.findtext(f"meta/task/{field}") or root.findtext(f"meta/job/{field}")
    try:
        return whole(text, field) if text else None
    except FetalFlexError:
        return None


def _images_by_number(place: Source, folder: Path) -> dict[int, list[str]]:
    """Return the names of the images, relative to the source, by the last number in them.

    Those below the annotation file's folder count if there are any, so that each video keeps to its own.
    """
    below = [image for image in place.images if image.is_relative_to(folder)]
    images: dict[int, list[str]] = {}
    for image in below or place.images:
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


def _box(shape: Element, scale: tuple[float, float], rotated: bool) -> Box:
    sx, sy = scale
    rotation = _attribute(shape, "rotation") if shape.get("rotation") is not None else 0.0
    if shape.tag == "box":
        x0, y0, x1, y1 = (_attribute(shape, key) for key in ("xtl", "ytl", "xbr", "ybr"))
        return Box.from_corners(x0 * sx, y0 * sy, x1 * sx, y1 * sy).rotated(rotation)
    if shape.tag == "ellipse":
        cx, cy, rx, ry = (_attribute(shape, key) for key in ("cx", "cy", "rx", "ry"))
        return Box.from_ellipse(cx * sx, cy * sy, rx * sx, ry * sy, rotation)
    if shape.tag == "polygon":
        points = _points(shape.get("points", ""))
        return polygon_box(scaled(points, scale), rotated=rotated)
    if shape.tag == "mask":
        return Box.from_xywh(*(_attribute(shape, key) for key in ("left", "top", "width", "height")))
    raise FetalFlexError(f"a <{shape.tag}> has no box")


def _points(text: str) -> NDArray[np.float64]:
    """Return the points of "x,y;x,y;..." as `(N, 2) float64`."""
    points = [pair.split(",") for pair in text.split(";")]
    if any(len(pair) != 2 for pair in points):
        raise FetalFlexError("the polygon's points are no list of x,y;x,y;...")
    return np.array([[number(x, "x"), number(y, "y")] for x, y in points])
