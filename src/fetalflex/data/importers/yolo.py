"""YOLO: a text file for each image, with one line for each box or polygon in fractions of the image."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.checks import shown
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.reading import files_ending, number, read_text
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.errors import FetalFlexError

_MAX_NAMES_BYTES = 2**20
_NAME_LISTS = ("classes.txt", "_classes.txt", "labels.txt", "_darknet.labels")
_OTHER_TEXTS = frozenset({*_NAME_LISTS, "train.txt", "val.txt", "valid.txt", "test.txt"})


class YoloImporter:
    """Read YOLO labels, beside their images or in `labels` folders that mirror `images` folders.

    Class names come from a YAML file with `names` (Ultralytics, Roboflow), a darknet `.names` file, or `classes.txt`.
    A line holds a class number and either centre and size or the corners of a polygon. Folders called train, valid (or
    val) and test are splits.
    """

    name = "yolo"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        names = _class_names(place.root)
        files = place.annotation_files([".txt"], usual=["obj_train_data"])
        for path in files:
            if path.name.lower() in _OTHER_TEXTS or path.name.lower().startswith("readme"):
                continue
            try:
                yield from _read_labels(place, path, names, options)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


def _read_labels(
    place: Source, path: Path, names: dict[int, str], options: ImportOptions
) -> Iterator[ImportedItem | Refusal]:
    lines = read_text(path).splitlines()
    image = place.claim(path.stem, _image_folder(path))
    builder = place.builder(image)
    for row, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{place.name(path)} line {row}"
        try:
            label, values = _parsed(line, names)
        except FetalFlexError as error:
            builder.refuse(where, str(error))
            continue
        builder.add_made(label, partial(_box, values, (builder.width, builder.height), options.rotated), where)
    yield from builder.finish(split=split_of_folder(place.name(image)))


def _image_folder(label_file: Path) -> Path:
    """Return the folder where the image of a label file is expected: `images` in the place of `labels`."""
    parts = list(label_file.parent.parts)
    for position in range(len(parts) - 1, -1, -1):
        if parts[position] == "labels":
            mirrored = Path(*parts[:position], "images", *parts[position + 1 :])
            return mirrored if mirrored.is_dir() else label_file.parent
    return label_file.parent


def _parsed(line: str, names: dict[int, str]) -> tuple[str, list[float]]:
    first, *rest = line.split()
    class_number = int(first) if first.isdecimal() and len(first) < 7 else -1
    if class_number not in names:
        raise FetalFlexError(f"class {shown(first)} is none of the {len(names)} classes; they count from 0")
    if len(rest) != 4 and (len(rest) < 6 or len(rest) % 2):
        raise FetalFlexError(
            f"{len(rest)} numbers follow the class; a box has 4 (centre and size), a polygon 6 or more, two a corner"
        )
    return names[class_number], [number(value, "coordinate") for value in rest]


def _box(values: list[float], size: tuple[int, int], rotated: bool) -> Box:
    """Return the box of fractional `values` on an image of `size` (width, height) pixels."""
    if len(values) == 4:
        cx, cy, width, height = values
        return Box.from_fractional_centre(cx, cy, width, height, *size)
    return Box.from_polygon(np.array(values).reshape(-1, 2) * size, rotated=rotated)


def _class_names(root: Path) -> dict[int, str]:
    """Return the name of each class number, from the first file below `root` that lists them."""
    for path in files_ending(root, [".yaml", ".yml"]):
        names = _names_in_yaml(path)
        if names:
            return names
    lists = [path for path in files_ending(root, [".names", ".labels", ".txt"]) if _is_name_list(path)]
    if not lists:
        raise FetalFlexError(
            f"{root} says nowhere what its class numbers mean; add a classes.txt with one name a line, "
            "a .names file, or a data.yaml with names"
        )
    lines = read_text(min(lists, key=lambda path: (len(path.parts), path)), _MAX_NAMES_BYTES).splitlines()
    return {index: line.strip() for index, line in enumerate(lines) if line.strip()}


def _is_name_list(path: Path) -> bool:
    return path.suffix == ".names" or path.name.lower() in _NAME_LISTS


def _names_in_yaml(path: Path) -> dict[int, str]:
    """Return the class names in a YAML file, empty if it has no `names`."""
    try:
        content: Any = yaml.safe_load(read_text(path, _MAX_NAMES_BYTES))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise FetalFlexError(f"{path} is no valid YAML: {error}") from error
    names = content.get("names") if isinstance(content, dict) else None
    if names is None:
        return {}
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(isinstance(key, int) for key in names):
        raise FetalFlexError(f"{path}: names is {shown(names)}; it must be a list, or a mapping from class numbers")
    return {key: str(name) for key, name in names.items()}
