"""A data set for the tests of sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder, Record


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
