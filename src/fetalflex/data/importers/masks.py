"""Masks: a PNG for each image whose index values or colours say which structure each pixel belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.data.image_files import SUFFIXES, read_mask
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.layout_builder import LayoutBuilder
from fetalflex.data.importers.mask_boxes import component_boxes
from fetalflex.data.importers.reading import read_text
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.errors import FetalFlexError

_FOLDERS = ("SegmentationClass", "masks", "Masks", "mask", "labels")
_LABEL_LISTS = ("labels.txt", "classes.txt", "class_names.txt")
_MAX_LIST_BYTES = 2**20
_ENDING = re.compile(r"_(mask|masks|seg|segmentation|annotation|label|labels)$", re.IGNORECASE)
_BACKGROUND = frozenset({"background", "_background_", "__background__"})
_HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_RGB_COLOUR = re.compile(r"(\d{1,3}), ?(\d{1,3}), ?(\d{1,3})")


class MasksImporter:
    """Read masks from a folder of their own, `SegmentationClass` or `masks` unless the option `annotations` names it.

    A mask has the name of its image, perhaps with "_mask" or a like ending. Each connected component of at least
    `min_area` pixels becomes a box, rotated with the option `rotated`. Value 0 and black are background. What the
    others mean is said by `label_map` with keys such as "1", "#ff0000" or "255,0,0"; or else by a `labelmap.txt` as
    CVAT writes it (name:r,g,b:...); or by a `labels.txt`, `classes.txt` or `class_names.txt` whose line n, counted from
    0, names the value n, so that its first line is "background".
    """

    name = "masks"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Refusal]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        if options.annotations is None and not any((place.root / folder).is_dir() for folder in _FOLDERS):
            raise FetalFlexError(
                f"{source} has no folder of masks named {', '.join(_FOLDERS)}; name it with the option annotations"
            )
        labels = _labels(place.root, options)
        for path in place.annotation_files(sorted(SUFFIXES), usual=_FOLDERS):
            try:
                yield from _read_mask_file(place, path, labels, options)
            except FetalFlexError as error:
                yield place.refusal(path, error)
        yield from place.unclaimed()


class _Labels:
    """Say what the values of a mask mean; a colour's value is r * 65536 + g * 256 + b."""

    def __init__(self, names: dict[int, str], are_colours: bool) -> None:
        self.names = names
        self.are_colours = are_colours

    def values(self, path: Path) -> NDArray[np.int64]:
        """Return the values of a mask file, `(H, W)`."""
        pixels = read_mask(path, self.are_colours).astype(np.int64)
        return pixels @ np.array([65536, 256, 1]) if self.are_colours else pixels

    def shown(self, value: int) -> str:
        """Return a value as the user knows it."""
        return f"#{value:06x}" if self.are_colours else str(value)


def _read_mask_file(
    place: Source, path: Path, labels: _Labels, options: ImportOptions
) -> Iterator[ImportedItem | Refusal]:
    values = labels.values(path)
    try:
        image = place.claim(path.stem, place.root)
    except FetalFlexError:
        image = place.claim(_ENDING.sub("", path.stem), place.root)
    builder = place.builder(image, (values.shape[1], values.shape[0]))
    where = place.name(path)
    present = [int(value) for value in np.unique(values) if value != 0]
    unknown = [value for value in present if value not in labels.names]
    if unknown:
        some = ", ".join(labels.shown(value) for value in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        count = int(np.isin(values, unknown).sum())
        builder.refuse(where, f"{count} pixels with {len(unknown)} values that have no label ({some})")
    for value in present:
        label = labels.names.get(value)
        if label is not None and label.lower() not in _BACKGROUND:
            _add_components(builder, label, values == value, f"{where} value {labels.shown(value)}", options)
    yield from builder.finish(split=split_of_folder(place.name(image)))


def _add_components(
    builder: LayoutBuilder, label: str, mask: NDArray[np.bool_], where: str, options: ImportOptions
) -> None:
    found = component_boxes(mask, options.min_area, options.rotated)
    for box in found.boxes:
        builder.add(label, box, where)
    if found.small_areas:
        builder.refuse(
            where,
            f"{len(found.small_areas)} components of {label!r} below {options.min_area} pixels are left out, "
            f"the largest of {max(found.small_areas)}",
        )


def _labels(root: Path, options: ImportOptions) -> _Labels:
    """Return what the values mean, from the first of the three ways that says anything."""
    keys = {key: value for key in options.label_map if (value := _parsed_key(key)) is not None}
    if keys:
        kinds = {is_colour for _, is_colour in keys.values()}
        if len(kinds) > 1:
            raise FetalFlexError("label_map has both index values and colours; use one kind")
        return _Labels({value: key for key, (value, _) in keys.items()}, kinds.pop())
    if (root / "labelmap.txt").is_file():
        return _Labels(_colours_in(root / "labelmap.txt"), are_colours=True)
    for name in _LABEL_LISTS:
        if (root / name).is_file():
            return _Labels(_indices_in(root / name), are_colours=False)
    raise FetalFlexError(
        f"{root} says nowhere what its mask values mean; give label_map with keys such as 1 or #ff0000, "
        f"or add a labelmap.txt or {_LABEL_LISTS[0]}"
    )


def _parsed_key(key: str) -> tuple[int, bool] | None:
    """Return value and whether it is a colour for "1", "#ff0000" or "255,0,0"; None for any other text."""
    if _HEX_COLOUR.fullmatch(key):
        return int(key[1:], 16), True
    if match := _RGB_COLOUR.fullmatch(key):
        red, green, blue = (int(part) for part in match.groups())
        if max(red, green, blue) > 255:
            raise FetalFlexError(f"the colour {key!r} has a part above 255")
        return red * 65536 + green * 256 + blue, True
    return (int(key), False) if key.isdecimal() and len(key) < 6 else None


def _colours_in(path: Path) -> dict[int, str]:
    names = {}
    for row, line in enumerate(read_text(path, _MAX_LIST_BYTES).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        parsed = _parsed_key(rest.partition(":")[0].strip())
        if parsed is None or not parsed[1]:
            raise FetalFlexError(f"{path} line {row}: {line!r} is no name:r,g,b:parts:actions")
        names[parsed[0]] = name.strip()
    return names


def _indices_in(path: Path) -> dict[int, str]:
    lines = [line.strip() for line in read_text(path, _MAX_LIST_BYTES).splitlines()]
    if not lines or lines[0].lower() not in _BACKGROUND:
        raise FetalFlexError(f"{path}: the first line must be 'background', the name of value 0")
    return {index: line for index, line in enumerate(lines) if line}
