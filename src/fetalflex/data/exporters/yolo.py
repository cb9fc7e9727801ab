"""YOLO: a text file for each image, with one line for each box in fractions of the image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout
from fetalflex.data.exporters.base import ExportOptions, Item, split_name
from fetalflex.data.exporters.box_fitting import BoxFitting, decimal
from fetalflex.data.exporters.image_writer import ImageWriter
from fetalflex.data.records import SPLITS
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance import NOTICE, SYNTHETIC_LIST

DATA_YAML = "data.yaml"


class YoloExporter:
    """Write `images/SPLIT/NAME.png`, `labels/SPLIT/NAME.txt` and a `data.yaml`, as training tools expect them.

    A line is the class number and the upright box: centre and size as fractions of the image, exact to rounding. The
    classes are all structures of the registry. An image without boxes has an empty file. Boxes are cut at the border of
    the image, since YOLO tools drop images with fractions outside 0 to 1. Of a rotated box the upright one around it is
    written; `yolo_obb` keeps its angle. What YOLO has no place for (plane, patient, pixel spacing, ...) is in
    `records.jsonl`. Where images are synthetic, a comment in `data.yaml` says so.
    """

    name = "yolo"
    reads_back = "`fetalflex prepare --format yolo` reads it."
    _keeps_angles = False

    def write(self, folder: Path, items: Iterable[Item], options: ExportOptions) -> list[str]:
        """Write records and images; see `Exporter.write`."""
        classes = [structure.name for structure in options.registry.structures]
        numbers = {name: number for number, name in enumerate(classes)}
        fitting = BoxFitting()
        splits = set()
        with ImageWriter(folder) as images:
            for record, pixels in items:
                split = split_name(record)
                splits.add(split)
                image = images.add(record, pixels, f"images/{split}")
                lines = self._lines(record.layout, numbers, fitting)
                _write_text(folder / "labels" / split / f"{image.stem}.txt", "".join(f"{line}\n" for line in lines))
        _write_text(folder / DATA_YAML, _comment(images.synthetic) + _data_yaml(splits, classes))
        return fitting.notes() + _missing(splits)

    def _lines(self, layout: Layout, numbers: dict[str, int], fitting: BoxFitting) -> Iterator[str]:
        """Yield the line of each box, given the numbers of the classes."""
        for placed in layout.structures:
            box = fitting.inside(placed.box, layout)
            if box is None:
                continue
            fitted = box if self._keeps_angles else fitting.upright(box)
            # Rounding must not carry a box beyond the border by a hair.
            values = (min(max(value, 0.0), 1.0) for value in self._fractions(fitted, layout))
            yield " ".join([str(numbers[placed.name]), *map(decimal, values)])

    def _fractions(self, box: Box, layout: Layout) -> Iterable[float]:
        """Return the numbers of a box's line."""
        return box.fractional_centre(layout.width, layout.height)


class YoloObbExporter(YoloExporter):
    """Write YOLO's oriented boxes: as `YoloExporter`, but a line holds the four corners of its box.

    The corners run clockwise from the top left of the box before it was rotated. A rotated box that sticks out of its
    image becomes the upright box around what lies inside. Corners do not say which side is the width, so a box that is
    turned by more than 45 degrees reads back with its sides exchanged and an angle from -45 to 45: the same rectangle.
    """

    name = "yolo_obb"
    reads_back = "`fetalflex prepare --format yolo --rotated` reads it."
    _keeps_angles = True

    def _fractions(self, box: Box, layout: Layout) -> Iterable[float]:
        return [float(value) for corner in box.polygon() for value in corner / (layout.width, layout.height)]


def _data_yaml(splits: Iterable[str], classes: list[str]) -> str:
    content: JsonObject = {split: f"images/{split}" for split in SPLITS if split in splits}
    return yaml.safe_dump({**content, "names": dict(enumerate(classes))}, sort_keys=False)


def _comment(synthetic: int) -> str:
    return f"# {synthetic} images are synthetic, see {SYNTHETIC_LIST}. {NOTICE}\n" if synthetic else ""


def _missing(splits: set[str]) -> list[str]:
    missing = [split for split in ("train", "val") if split not in splits]
    if not missing:
        return []
    return [f"{DATA_YAML} names no folder for {' and '.join(missing)}: no record is of that split; trainers want both"]


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="ascii", newline="\n")
