"""Export records with made-up images and read the folders back, for the tests of exporters."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from data_helpers import read_all

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.data.exporters import ExportOptions
from fetalflex.data.exporting import ExportResult, export
from fetalflex.data.importers import Finding
from fetalflex.data.records import Record

READERS: dict[str, tuple[str, dict[str, Any]]] = {
    "yolo": ("yolo", {}),
    "yolo_obb": ("yolo", {"rotated": True}),
    "voc": ("voc", {}),
    "class_folders": ("table", {}),
}
"""Format to importer and its options, for formats that have a `records.jsonl`."""

SCAN = Record(
    "images/scan.png",
    Layout(
        "abdominal_transverse",
        100,
        80,
        (
            PlacedStructure("abdomen", Box(50, 40, 60.5, 50, 30)),
            PlacedStructure("stomach", Box.from_corners(10.25, 20, 30, 40)),
        ),
        0.2,
    ),
    patient="p1",
    source="ours",
    split="train",
    quality=3,
    extra={"class": "normal", "license": 1},
)


def pixels_of(record: Record) -> np.ndarray:
    """Return noise that depends on the record's file name, `(H, W) uint8`."""
    seed = np.frombuffer(record.file_name.encode("utf-8", "surrogatepass"), np.uint8)
    shape = (record.layout.height, record.layout.width)
    return np.random.default_rng(seed).integers(0, 255, shape, dtype=np.uint8)


def items_of(records: Iterable[Record]) -> Iterator[tuple[Record, np.ndarray]]:
    return ((record, pixels_of(record)) for record in records)


def export_records(records: Sequence[Record], format: str, out: Path, **options: Any) -> ExportResult:
    return export(items_of(records), format, out, ExportOptions(**options))


def read_back(out: Path, format: str) -> tuple[dict[str, tuple[Record, Path]], list[Finding]]:
    """Return records and image files by the file name before the export, and what the importer refused or noted."""
    importer, options = READERS[format]
    items, refusals = read_all(importer, out, keep_unannotated=True, **options)
    lines = [json.loads(line) for line in (out / "records.jsonl").read_text().splitlines()]
    names = {line["image"]["file_name"]: line["exported_from"] for line in lines}
    found = {}
    for item in items:
        name = names[item.image_path.relative_to(out).as_posix()]
        record = Record(name, item.layout, item.patient, item.source, item.split, item.quality, item.extra)
        found[name] = (record, item.image_path)
    assert len(found) == len(items)
    return found, refusals


def with_boxes(record: Record, change: Any) -> Record:
    """Return the record with `change(box, layout)` in the place of each box."""
    layout = record.layout
    changed = [PlacedStructure(placed.name, change(placed.box, layout)) for placed in layout.structures]
    return replace(record, layout=layout.with_structures(changed))


def upright_and_cut(box: Box, layout: Layout) -> Box:
    """Return the upright box around what is left of a box inside its image."""
    rest = box.clipped(layout.width, layout.height)
    assert rest is not None
    return Box.from_corners(*rest.corners())


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
