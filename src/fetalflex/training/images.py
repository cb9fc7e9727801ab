"""What is trained on: views of images, and images on the model canvas, held in memory."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.anatomy import Canvas, CloseUp, Layout, Registry
from fetalflex.anatomy.close_up import region_of
from fetalflex.data import Dataset, Record, open_dataset
from fetalflex.data.real_only import check_real
from fetalflex.detection.annotated import AnnotatedStructures
from fetalflex.errors import FetalFlexError
from fetalflex.progress import OnProgress, tell_nobody
from fetalflex.training.config import DataConfig, View
from fetalflex.training.exchange import Pair, draw_exchange, exchange_contents, exchange_names
from fetalflex.training.wording import draw_wording

_CONTEXT = (1.15, 1.9)
_OFF_CENTRE = 0.3
_KEPT_BACK = 0.5


@dataclass(frozen=True)
class TrainingView:
    """One view of an image of a data set.

    Args:
        dataset: Where it lies.
        record: Which image it is.
        view: `whole`, `close_up`, `exchanged` or `partial`.
        part: What is shown of it.
        weight: How often it is shown, relative to others.
        exchange: Structures of the view that change places, as positions in its layout.
        kept_back: Structures that the model is not shown, as positions in its layout; the prompt may name them.
        prompt: In place of the one that is made from the layout.
    """

    dataset: Dataset
    record: Record
    view: View
    part: CloseUp
    weight: float = 1.0
    exchange: tuple[Pair, ...] = ()
    kept_back: frozenset[int] = frozenset()
    prompt: str | None = None

    @property
    def layout(self) -> Layout:
        """What the view shows, in its pixels."""
        return exchange_names(self.part.layout(self.record.layout), self.exchange)

    @property
    def shown_layout(self) -> Layout:
        """What the model is shown of the layout."""
        layout = self.layout
        if not self.kept_back:
            return layout
        return layout.with_structures(one for i, one in enumerate(layout.structures) if i not in self.kept_back)

    def image(self) -> NDArray[np.uint8]:
        """Return the view, (H, W) uint8."""
        image = np.ascontiguousarray(self.part.image(self.dataset.image(self.record)))
        if not self.exchange:
            return image
        return exchange_contents(image, self.part.layout(self.record.layout), self.exchange)


def select_samples(
    config: DataConfig, split: str, registry: Registry, annotated: bool = False, views: Iterable[str] | None = None
) -> list[TrainingView]:
    """Return the images of one split of all configured data sets, view by view, in their stored order.

    Args:
        config: Data sets, filters, views and weights.
        split: Split to take.
        registry: Planes and structures.
        annotated: Only records that have a structure.
        views: Only these of the configured views.

    Raises:
        FetalFlexError: If a data set cannot be opened, nothing is left after the filters, or images are synthetic
            although the configuration does not allow it.
    """
    planes = [registry.plane(name).name for name in config.planes] or None
    plane_weights = {registry.plane(name).name: weight for name, weight in config.plane_weights.items()}
    records: list[tuple[Dataset, Record]] = []
    for path in config.paths:
        dataset = open_dataset(Path(path), registry)
        subset = dataset.subset(split=split, planes=planes, min_quality=config.min_quality)
        half = config.half if split == config.train_split else None
        records.extend(
            (subset, record)
            for record in subset
            if (record.layout.structures or not annotated) and half in (None, half_of(record))
        )
    if not config.allow_synthetic:
        try:
            check_real(records, "training data", "set data.allow_synthetic: true in the run's file")
        except FetalFlexError as error:
            raise FetalFlexError(f"data.paths: of split {split}, {error}") from error
    annotated_structures = AnnotatedStructures.of(record for _, record in records)
    factors = _repeat_factors([record for _, record in records], config.rare_structures)
    samples: list[TrainingView] = []
    for view, weight in config.views.items():
        if views is not None and view not in views:
            continue
        for dataset, record in records:
            part = _part(record, registry, view)
            if part is not None:
                share = weight * plane_weights.get(record.layout.plane, 1.0)
                share *= max((factors[name] for name in record.layout.names()), default=1.0)
                sample = TrainingView(dataset, record, view, part, share)
                samples.extend(_special(sample, registry, annotated_structures))
    if not samples:
        raise FetalFlexError(_nothing_found(config, split, registry, annotated))
    return samples


def _nothing_found(config: DataConfig, split: str, registry: Registry, annotated: bool) -> str:
    """Return a message that says what there is in place of the split that is not."""
    field = "validation_split" if split == config.validation_split else "train_split"
    there = Counter(record.split or "none" for path in config.paths for record in open_dataset(Path(path), registry))
    counts = ", ".join(f"{name} {number}" for name, number in sorted(there.items())) or "no image at all"
    what = "image with boxes" if annotated else "image"
    where = ", ".join(map(str, config.paths))
    if split not in there:
        return (
            f"data.{field}: no image of {where} has the split {split!r} (by split: {counts}); divide the data again "
            f"with another --split or --seed of `fetalflex prepare`, or name another split as {field}"
        )
    return (
        f"data: no {what} with split {split!r}, planes {list(config.planes) or 'any'} and quality of at least "
        f"{config.min_quality} is in {where} (by split, before these filters: {counts}); loosen planes, min_quality "
        "or views"
    )


def image_count(samples: Sequence[TrainingView]) -> int:
    """Return of how many images the samples are views."""
    return len({(id(sample.dataset), sample.record.file_name) for sample in samples})


def half_of(record: Record) -> str:
    """Return in which half of all patients an image's patient is, `first` or `second`.

    It depends on the patient's id alone, so that a patient whom several data sets share is in one half in all of them.
    """
    digest = hashlib.sha256(record.person.encode()).digest()
    return "second" if digest[0] % 2 else "first"


def _repeat_factors(records: Sequence[Record], threshold: float) -> dict[str, float]:
    """Return for each structure max(1, √(threshold / share of the annotated images that have it))."""
    annotated = [set(record.layout.names()) for record in records if record.layout.structures]
    counts = Counter(name for names in annotated for name in names)
    return {name: max(1.0, math.sqrt(threshold * len(annotated) / count)) for name, count in counts.items()}


def _part(record: Record, registry: Registry, view: View) -> CloseUp | None:
    """Return what a view shows of an image, None if nothing; the frame of a close-up depends on the record alone."""
    if view == "whole":
        return CloseUp.whole(record.layout)
    region = region_of(record.layout, registry)
    if region is None:
        return None
    digest = hashlib.sha256(f"{record.file_name}\n{record.layout.to_json()}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
    off_centre = (float(rng.uniform(-_OFF_CENTRE, _OFF_CENTRE)), float(rng.uniform(-_OFF_CENTRE, _OFF_CENTRE)))
    return CloseUp.around(region, record.layout, float(rng.uniform(*_CONTEXT)), off_centre)


def _special(sample: TrainingView, registry: Registry, annotated: AnnotatedStructures) -> Iterator[TrainingView]:
    """Yield the sample as its view wants it, unless the image does not allow that view."""
    rng, layout = _rng_of(sample.view, sample.record), sample.layout
    if sample.view == "exchanged":
        if pairs := draw_exchange(layout, registry, rng):
            yield replace(sample, exchange=pairs)
    elif sample.view == "partial":
        if kept_back := _draw_kept_back(layout, registry, rng):
            names = layout.names()
            absent = [name for name in annotated.looked_for(sample.record, registry) if name not in names]
            yield replace(sample, kept_back=kept_back, prompt=draw_wording(layout, absent, registry, rng))
    else:
        yield sample


def _draw_kept_back(layout: Layout, registry: Registry, rng: np.random.Generator) -> frozenset[int]:
    """Draw about half of the structures that are not the outline, at least one; nothing if there are none."""
    outline = layout.outline(registry)
    able = [number for number, one in enumerate(layout.structures) if one is not outline]
    if not able:
        return frozenset()
    drawn = [number for number in able if rng.random() < _KEPT_BACK]
    return frozenset(drawn or [able[int(rng.integers(len(able)))]])


def _rng_of(view: View, record: Record) -> np.random.Generator:
    """Return the random numbers of a record's view; they depend on the record alone."""
    word = "exchange" if view == "exchanged" else view
    digest = hashlib.sha256(f"{word}\n{record.file_name}\n{record.layout.to_json()}".encode()).digest()
    return np.random.default_rng(list(digest[:8]))


class ImageBank:
    """Images on the canvas as one uint8 tensor, and their layouts in canvas pixels.

    Args:
        samples: What to load.
        size: Side of the canvas in pixels.
        on_progress: Called with the number of images loaded so far.
    """

    def __init__(self, samples: list[TrainingView], size: int, on_progress: OnProgress = tell_nobody) -> None:
        self.size = size
        self.images = torch.empty((len(samples), size, size), dtype=torch.uint8)
        self.layouts: list[Layout] = []
        with ThreadPoolExecutor() as pool:
            for number, (image, layout) in enumerate(pool.map(self._load, samples)):
                self.images[number] = torch.from_numpy(image)
                self.layouts.append(layout)
                on_progress(number + 1)

    def __len__(self) -> int:
        return len(self.layouts)

    def _load(self, sample: TrainingView) -> tuple[np.ndarray, Layout]:
        layout = sample.layout
        canvas = Canvas(layout.width, layout.height, self.size)
        return canvas.image_to_canvas(sample.image()), canvas.layout_to_canvas(layout)

    def crops(self, indices: np.ndarray, size: int, generator: torch.Generator) -> Tensor:
        """Return random crops with random left-right flips, (B, 1, size, size) uint8, where the images are."""
        room = self.size - size + 1
        places = torch.randint(0, room, (len(indices), 2), generator=generator).tolist()
        flips = (torch.rand(len(indices), generator=generator) < 0.5).tolist()
        crops = []
        for index, (top, left), flip in zip(indices, places, flips, strict=True):
            crop = self.images[index, top : top + size, left : left + size]
            crops.append(crop.flip(1) if flip else crop)
        return torch.stack(crops)[:, None]
