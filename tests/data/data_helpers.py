"""Small sources made in tests, and short views of what importers return."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.data.importers import Finding, ImportedItem, ImportOptions, get_importer

FIXTURES = Path(__file__).parents[1] / "fixtures"


def save_image(path: Path, width: int = 100, height: int = 80) -> Path:
    """Write a grey gradient."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(gradient(width, height)).save(path)
    return path


def gradient(width: int, height: int) -> np.ndarray:
    """Return `(H, W) uint8` that is bright at the bottom right."""
    ramp = np.add.outer(np.arange(height), np.arange(width))
    return (ramp * (255 / max(1, width + height - 2))).astype(np.uint8)


def save_bytes_image(path: Path, width: int, height: int, **options: Any) -> Path:
    """Write an image with options of Pillow, such as EXIF; the format is the name's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.add.outer(np.arange(height), np.arange(width)) % 256
    Image.fromarray(ramp.astype(np.uint8)).save(path, **options)
    return path


def save_json(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def save_text(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def read_all(name: str, source: Path, **options: Any) -> tuple[list[ImportedItem], list[Finding]]:
    """Return items and refusals of an importer."""
    results = list(get_importer(name).read(source, ImportOptions(**options)))
    items = [result for result in results if isinstance(result, ImportedItem)]
    return items, [result for result in results if isinstance(result, Finding)]


def boxes(item: ImportedItem, digits: int = 2) -> list[tuple[Any, ...]]:
    """Return (name, cx, cy, width, height, angle) of each structure, rounded."""
    return [
        (placed.name, *(round(value, digits) for value in placed.box.to_dict().values()))
        for placed in item.layout.structures
    ]


def reasons(refusals: list[Finding]) -> str:
    """Return all refusals as one text."""
    return "\n".join(f"{refusal.where}: {refusal.reason}" for refusal in refusals)


def head_layout(width: int = 100, height: int = 80, spacing: float | None = None) -> Layout:
    """Return a thalamic plane with a rotated skull and an upright cavum."""
    skull = PlacedStructure("skull", Box(width / 2, height / 2, width * 0.7, height * 0.6, 20.0))
    cavum = PlacedStructure("cavum_septi_pellucidi", Box.from_xywh(width * 0.3, height * 0.4, width / 10, height / 10))
    return Layout("thalamic_transverse", width, height, (skull, cavum), spacing)
