"""YOLO: a text file for each image, with one line for each box or polygon in fractions of the image."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.checks import positive_number, shown
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.image_names import Match, Reference
from fetalflex.data.importers.numbers import count_doubt, decimal_of, number, whole
from fetalflex.data.importers.reading import read_lines
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.data.importers.units import doubt_about_form, polygon_box, quad_box, scale_of, scaled
from fetalflex.data.importers.yolo_classes import OTHER_TEXTS, Classes, read_classes
from fetalflex.data.limits import MAX_BOXES, MAX_CLASSES
from fetalflex.errors import FetalFlexError

_SEPARATORS = re.compile(r"[,;\t|:]")


class YoloImporter:
    """Read YOLO labels, beside their images or in `labels` folders that mirror `images` folders.

    Class names come from a YAML file with `names` (Ultralytics, Roboflow), a darknet `.names` file, or `classes.txt`.
    A line holds a class number and either centre and size or the corners of a polygon; where the YAML file has a
    `kpt_shape`, centre and size before the points of a pose. An image lies beside its label file or where `images`
    mirrors `labels`. Folders called train, valid (or val) and test are splits.
    """

    name = "yolo"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        classes = read_classes(place.root)
        yield from (place.refusal(path, error) for path, error in classes.unread)
        paths = []
        for path in place.readable(place.annotation_files([".txt"], usual=["obj_train_data"])):
            if isinstance(path, Finding):
                yield path
            elif path.name.lower() not in OTHER_TEXTS and not path.name.lower().startswith("readme"):
                paths.append(path)
        if doubt := count_doubt(_numbers_in(paths), classes.names, "classes"):
            raise FetalFlexError(f"{source}: {doubt}")
        references = [Reference(one.stem, place.name(one), one.parent, own_file=True, implied=True) for one in paths]
        for path, match in zip(paths, place.match(references), strict=True):
            try:
                if isinstance(match, FetalFlexError):
                    raise match
                yield from _read_labels(place, path, match, classes, options)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


def _numbers_in(paths: Iterable[Path]) -> set[int]:
    """Return the class numbers that stand in label files; what cannot be read has none."""
    found: set[str] = set()
    for path in paths:
        if len(found) > MAX_CLASSES:  # these are no class numbers; each is refused where it stands
            return set()
        with contextlib.suppress(FetalFlexError):
            found.update(words[0] for line in read_lines(path) if (words := line.split(maxsplit=1)))
    numbers = set()
    for word in found:
        with contextlib.suppress(FetalFlexError):
            numbers.add(whole(word, "class"))
    return numbers


def _read_labels(
    place: Source, path: Path, match: Match, classes: Classes, options: ImportOptions
) -> Iterator[ImportedItem | Finding]:
    lines = read_lines(path)
    builder = place.builder(match, unit="fractions")
    reader = _Lines((builder.width, builder.height), classes, options)
    parsed: list[tuple[str, str, list[float]]] = []
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{place.name(path)} line {row}"
        if len(parsed) > MAX_BOXES:
            break  # the builder refuses the image
        try:
            parsed.append((where, *reader.parsed(line)))
        except FetalFlexError as error:
            builder.refuse(where, str(error))
    doubt = reader.doubt(values for _, _, values in parsed)
    for where, label, values in parsed:
        builder.add_made(label, partial(reader.box, values, doubt), where)
    yield from builder.finish(split=split_of_folder(place.name(match.image)))


class _Lines:
    """Read the lines of one image's labels.

    Args:
        size: Width and height of the image.
        classes: Names of the class numbers, and numbers of a pose.
        options: What the user says about the source.
    """

    def __init__(self, size: tuple[int, int], classes: Classes, options: ImportOptions) -> None:
        self._size = size
        self._scale = scale_of(options.unit_or("fractions"), size)
        self._unit = options.unit_or("fractions")
        self._classes = classes
        self._form = options.form_or("centre")
        self._form_is_stated = options.box_form is not None
        self._rotated = options.rotated

    def parsed(self, line: str) -> tuple[str, list[float]]:
        """Return the label and the numbers of a line: those of a box, or of a polygon."""
        first, *rest = line.split()
        if not rest and (divided := _SEPARATORS.search(first)):
            raise FetalFlexError(f"the numbers are divided by {divided.group()!r}; YOLO divides them by spaces")
        if rest and first[-1] in ",;":
            raise FetalFlexError(f"the numbers are divided by {first[-1]!r} and a space; YOLO divides them by spaces")
        try:
            label = self._classes.names[whole(first, "class")]
        except (KeyError, FetalFlexError):
            count = len(self._classes.names)
            raise FetalFlexError(f"class {shown(first)} is none of the {count} classes; they count from 0") from None
        pose = self._classes.pose_numbers
        if pose is not None:
            if len(rest) not in (4, 4 + pose):
                raise FetalFlexError(
                    f"{len(rest)} numbers follow the class; by kpt_shape a box has 4 and its points {pose} more"
                )
            rest = rest[:4]
        elif len(rest) != 4 and (len(rest) < 6 or len(rest) % 2):
            raise FetalFlexError(
                f"{len(rest)} numbers follow the class; a box has 4 (centre and size), a polygon 6 or more, two a "
                "corner"
            )
        decimal = decimal_of(rest)
        return label, [number(value, "coordinate", decimal) for value in rest]

    def doubt(self, lines: Iterable[list[float]]) -> str | None:
        """Return what to say if the image's boxes contradict the form that YOLO has."""
        whole_image = (1.0, 1.0) if self._unit == "fractions" else (100.0, 100.0)
        whole_image = self._size if self._unit == "pixels" else whole_image
        quads = [values for values in lines if len(values) == 4]
        if self._form_is_stated or any(max(values) > 1.5 * max(whole_image) for values in quads):
            return None
        return doubt_about_form(((values, whole_image) for values in quads), "centre")

    def box(self, values: list[float], doubt: str | None) -> Box:
        """Return the box of the numbers of a line, in pixels."""
        sx, sy = self._scale
        if len(values) == 4:
            if doubt is not None:
                raise FetalFlexError(doubt)
            a, b, c, d = values
            if self._form == "centre":
                # Sides are checked before they are scaled, so that the message has the file's number.
                c, d = positive_number(c, "box width"), positive_number(d, "box height")
            return quad_box([a * sx, b * sy, c * sx, d * sy], self._form)
        return polygon_box(scaled(np.array(values).reshape(-1, 2), self._scale), rotated=self._rotated)
