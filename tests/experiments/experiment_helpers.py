"""Layouts and a data set for the tests of sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.data import DatasetFolder, Record

ABDOMEN = Layout(
    "abdominal_transverse",
    120,
    80,
    (
        PlacedStructure("abdomen", Box(50, 42, 60, 56)),
        PlacedStructure("stomach", Box(40, 44, 14, 10)),
        PlacedStructure("spine", Box(70, 36, 10, 10)),
    ),
)
HEAD = Layout("thalamic_transverse", 90, 70, (PlacedStructure("skull", Box(45, 35, 60, 46)),))


def write_dataset(root: Path, *layouts: Layout) -> DatasetFolder:
    """Write images of noise with layouts."""
    rng = np.random.default_rng(0)
    items = [
        (
            Record(f"images/{i}.png", layout, source="made_up"),
            rng.integers(0, 255, (layout.height, layout.width), np.uint8),
        )
        for i, layout in enumerate(layouts)
    ]
    return DatasetFolder.write(root, items)
