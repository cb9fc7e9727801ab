"""Masks: a PNG for each image whose index values or colours say which structure each pixel belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.data.image_files import SUFFIXES, read_mask
from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.image_names import Match
from fetalflex.data.importers.layout_builder import LayoutBuilder
from fetalflex.data.importers.mask_boxes import component_boxes
from fetalflex.data.importers.reading import read_lines
from fetalflex.data.importers.sources import Reference, Source, mask_of, split_of_folder
from fetalflex.data.limits import MAX_MASK_VALUES, MAX_NAMES_BYTES
from fetalflex.data.paths import inside
from fetalflex.errors import FetalFlexError

_FOLDERS = ("SegmentationClass", "masks", "Masks", "mask", "labels")
_LABEL_LISTS = ("labels.txt", "classes.txt", "class_names.txt")
_ENDING = re.compile(r"_(mask|masks|seg|segmentation|annotation|label|labels)$", re.IGNORECASE)
_BACKGROUND = frozenset({"background", "_background_", "__background__"})
_HEX_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")
_RGB_COLOUR = re.compile(r"(\d{1,3}), ?(\d{1,3}), ?(\d{1,3})")


class MasksImporter:
    """Read masks from a folder of their own, `SegmentationClass` or `masks` unless the option `annotations` names it.

    A mask has the name of its image, perhaps with "_mask" or a like ending. Masks with such an ending may also lie
    beside their images. Several masks of one image (NAME_mask, NAME_mask_1) count as one. Each connected component of
    at least `min_area` pixels becomes a box, rotated with the option `rotated`. Value 0 and black are background. What
    the others mean is said by `label_map` with keys such as "1", "#ff0000" or "255,0,0"; or else by a `labelmap.txt` as
    CVAT writes it (name:r,g,b:...); or by a `labels.txt`, `classes.txt` or `class_names.txt` whose line n, counted from
    0, names the value n, so that its first line is "background".
    """

    name = "masks"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        place = Source(source, options)
        place.check_plane()
        has_folder = options.annotations is not None or any((place.root / folder).is_dir() for folder in _FOLDERS)
        files = place.annotation_files(sorted(SUFFIXES), usual=_FOLDERS)
        photos = set(place.images)
        beside = _masks_beside_images(files, photos)
        named = set(beside)
        if not has_folder and not beside:
            raise FetalFlexError(
                f"{source} has no folder of masks named {', '.join(_FOLDERS)}, nor images with masks such as "
                "NAME_mask.png beside them; name the folder with the option annotations"
            )
        labels = _labels(place.root, options)
        groups: dict[tuple[Path, str], list[Path]] = {}
        stems = {path.stem for path in place.images}
        for path in files if beside else []:
            if path not in named and path not in photos:
                yield Finding(place.name(path), "this is no mask by its name, unlike others in its folder")
        for one in place.readable(beside or files):
            if isinstance(one, Finding):
                yield one
            else:
                groups.setdefault((one.parent, _image_stem(one, stems)), []).append(one)
        references = [
            Reference(stem, place.name(paths[0]), folder, own_file=True, implied=True)
            for (folder, stem), paths in groups.items()
        ]
        for paths, match in zip(groups.values(), place.match(references), strict=True):
            try:
                if isinstance(match, FetalFlexError):
                    raise match
                yield from _read_masks(place, paths, match, labels, options)
            except FetalFlexError as error:
                yield place.refusal(paths[0], error)
        yield from place.unclaimed()


class _Labels:
    """What the values of a mask mean; a colour's value is r * 65536 + g * 256 + b."""

    def __init__(self, names: dict[int, str], are_colours: bool) -> None:
        self.names = names
        self.are_colours = are_colours

    def values(self, path: Path, as_stored: bool = False) -> NDArray[np.uint32]:
        """Return the values of a mask file, `(H, W)`."""
        pixels = read_mask(path, self.are_colours, as_stored)
        if not self.are_colours:
            return pixels.astype(np.uint32)
        values = np.zeros(pixels.shape[:2], np.uint32)
        for part in range(3):
            values <<= np.uint32(8)
            values |= pixels[..., part]
        return values

    def shown(self, value: int) -> str:
        """Return a value as the user knows it."""
        return f"#{value:06x}" if self.are_colours else str(value)


def _masks_beside_images(files: list[Path], photos: set[Path]) -> list[Path]:
    """Return the files that are named as masks of others among them, or of photos, which may be DICOM."""
    stems = {(path.parent, path.stem) for path in (*files, *photos)}
    return [path for path in files if (stem := mask_of(path.stem)) is not None and (path.parent, stem) in stems]


def _image_stem(path: Path, stems: set[str]) -> str:
    """Return the name of a mask's image: its own, or without "_mask" and the like where that has none."""
    shorter = mask_of(path.stem) or _ENDING.sub("", path.stem)
    return path.stem if path.stem in stems or shorter not in stems else shorter


def _read_masks(
    place: Source, paths: list[Path], match: Match, labels: _Labels, options: ImportOptions
) -> Iterator[ImportedItem | Finding]:
    """Yield the item of one image; its masks count together."""
    as_stored = options.exif == "ignore"
    joined: dict[int, NDArray[np.bool_]] = {}
    builder: LayoutBuilder | None = None
    for path in paths:
        values = labels.values(path, as_stored)
        size = (values.shape[1], values.shape[0])
        if builder is None:
            builder = place.builder(match, size)
        elif size != (builder.width, builder.height):
            raise FetalFlexError(f"{place.name(path)} has {size[0]} x {size[1]} pixels, unlike {place.name(paths[0])}")
        for value in _known_values(builder, values, place.name(path), labels):
            mask = values == value
            joined[value] = mask | joined[value] if value in joined else mask
            if len(paths) == 1:  # one at a time, so that only one mask is in memory
                _add(builder, joined.pop(value), value, place.name(path), labels, options)
    assert builder is not None
    for value, mask in joined.items():
        _add(builder, mask, value, place.name(paths[0]), labels, options)
    yield from builder.finish(split=split_of_folder(place.name(match.image)))


def _known_values(builder: LayoutBuilder, values: NDArray[np.uint32], where: str, labels: _Labels) -> Iterator[int]:
    """Yield the values that have a label and are no background; refuse the pixels of others."""
    counts = np.bincount(values.ravel())
    present = [int(value) for value in np.flatnonzero(counts) if value != 0]
    unknown = [value for value in present if value not in labels.names]
    if unknown:
        some = ", ".join(labels.shown(value) for value in unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        count = int(counts[unknown].sum())
        builder.refuse(where, f"{count} pixels with {len(unknown)} values that have no label ({some})")
    known = [value for value in present if value in labels.names and labels.names[value].lower() not in _BACKGROUND]
    if len(known) > MAX_MASK_VALUES:
        raise FetalFlexError(f"the mask has {len(known):,} values with a label; at most {MAX_MASK_VALUES} are read")
    yield from known


def _add(
    builder: LayoutBuilder,
    mask: NDArray[np.bool_],
    value: int,
    where: str,
    labels: _Labels,
    options: ImportOptions,
) -> None:
    _add_components(builder, labels.names[value], mask, f"{where} value {labels.shown(value)}", options)


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
        names: dict[int, str] = {}
        for key, (number, _) in keys.items():
            if number in names:
                raise FetalFlexError(f"label_map has {names[number]!r} and {key!r}, which are the same value; keep one")
            names[number] = key
        return _Labels(names, kinds.pop())
    if (root / "labelmap.txt").is_file():
        return _Labels(_colours_in(inside(root, "labelmap.txt")), are_colours=True)
    for name in _LABEL_LISTS:
        if (root / name).is_file():
            return _Labels(_indices_in(inside(root, name)), are_colours=False)
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
    names: dict[int, str] = {}
    for row, line in enumerate(read_lines(path, MAX_NAMES_BYTES), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        parsed = _parsed_key(rest.partition(":")[0].strip())
        if parsed is None or not parsed[1]:
            raise FetalFlexError(f"{path} line {row}: {line!r} is no name:r,g,b:parts:actions")
        if names.setdefault(parsed[0], name.strip()) != name.strip():
            raise FetalFlexError(f"{path} line {row}: {names[parsed[0]]!r} and {name.strip()!r} have the same colour")
    return names


def _indices_in(path: Path) -> dict[int, str]:
    lines = [line.strip() for line in read_lines(path, MAX_NAMES_BYTES)]
    if not lines or lines[0].lower() not in _BACKGROUND:
        raise FetalFlexError(f"{path}: the first line must be 'background', the name of value 0")
    return {index: line for index, line in enumerate(lines) if line}
