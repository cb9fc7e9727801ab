"""Images on the model canvas, held in memory."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fetalflex.anatomy import Canvas, Layout, Registry
from fetalflex.data import Dataset, Record, open_dataset
from fetalflex.errors import FetalFlexError
from fetalflex.training.config import DataConfig

Sample = tuple[Dataset, Record]


def select_samples(config: DataConfig, split: str, registry: Registry, annotated: bool = False) -> list[Sample]:
    """Return the records of one split of all configured data sets, in their stored order.

    Args:
        config: Data sets and filters.
        split: Split to take.
        registry: Planes and structures.
        annotated: Only records that have a structure.

    Raises:
        FetalFlexError: If a data set cannot be opened or nothing is left after the filters.
    """
    planes = [registry.plane(name).name for name in config.planes] or None
    samples: list[Sample] = []
    for path in config.paths:
        dataset = open_dataset(Path(path), registry)
        subset = dataset.subset(split=split, planes=planes, min_quality=config.min_quality)
        samples.extend((subset, record) for record in subset if record.layout.structures or not annotated)
    if not samples:
        raise FetalFlexError(
            f"data.paths: no image with split {split!r}, planes {list(config.planes) or 'any'} and quality of at least "
            f"{config.min_quality} in {', '.join(map(str, config.paths))}"
        )
    return samples


class ImageBank:
    """Hold images on the canvas as one uint8 tensor, and their layouts in canvas pixels.

    Args:
        samples: What to load.
        size: Side of the canvas in pixels.
        on_progress: Called with the number of images loaded so far.
    """

    def __init__(self, samples: list[Sample], size: int, on_progress: Callable[[int], None] | None = None) -> None:
        self.size = size
        self.images = torch.empty((len(samples), size, size), dtype=torch.uint8)
        self.layouts: list[Layout] = []
        with ThreadPoolExecutor() as pool:
            for number, (image, layout) in enumerate(pool.map(self._load, samples)):
                self.images[number] = torch.from_numpy(image)
                self.layouts.append(layout)
                if on_progress:
                    on_progress(number + 1)

    def __len__(self) -> int:
        return len(self.layouts)

    def _load(self, sample: Sample) -> tuple[np.ndarray, Layout]:
        dataset, record = sample
        canvas = Canvas(record.layout.width, record.layout.height, self.size)
        return canvas.image_to_canvas(dataset.image(record)), canvas.layout_to_canvas(record.layout)

    def crops(self, indices: np.ndarray, size: int, generator: torch.Generator) -> Tensor:
        """Return random crops with random left-right flips, (B, 3, size, size) float32 in [-1, 1]."""
        room = self.size - size + 1
        places = torch.randint(0, room, (len(indices), 2), generator=generator).tolist()
        flips = (torch.rand(len(indices), generator=generator) < 0.5).tolist()
        crops = []
        for index, (top, left), flip in zip(indices, places, flips, strict=True):
            crop = self.images[index, top : top + size, left : left + size]
            crops.append(crop.flip(1) if flip else crop)
        return torch.stack(crops)[:, None].float().div_(127.5).sub_(1.0).expand(-1, 3, -1, -1)
