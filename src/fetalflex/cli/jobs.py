"""Plan what `generate` makes: items to draw, one job per image, and where each is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry
from fetalflex.cli.inputs import check_known, check_shape, load_layout, named_with_turn, tell_of_losses
from fetalflex.cli.options import Roi
from fetalflex.data import DatasetFolder, open_dataset, read_image
from fetalflex.errors import FetalFlexError

SEEDS_PER_SAMPLE = 1_000_000
MOST_IMAGES = 1_000_000
"""Images that one command makes."""

LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True)
class Item:
    """One layout to draw.

    Args:
        name: What its files are called, without an ending.
        origin: Where it comes from, for messages.
        position: Its place in the list of layouts, or in the whole data set whatever part of it is chosen.
        layout: What to draw.
        read_source: Gives the image whose background is kept, (H, W) uint8; None to draw the whole image.
        files: The files that it is read from.
    """

    name: str
    origin: str
    position: int
    layout: Layout
    read_source: Callable[[], NDArray[np.uint8]] | None
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Job:
    """One image to make: of what, with which seed, and where it is written."""

    item: Item
    seed: int
    path: Path

    @property
    def outputs(self) -> tuple[Path, Path]:
        """Return the image file and the layout file beside it."""
        return self.path, self.path.with_suffix(".layout.json")


def items_from_layouts(paths: Sequence[Path], image: Path | None, registry: Registry) -> list[Item]:
    """Return one item per layout file.

    Args:
        paths: Layout files.
        image: Source image of the only layout.
        registry: Planes and structures.

    Raises:
        FetalFlexError: If a file is missing or damaged, or they do not fit together.
    """
    items = []
    for position, path in enumerate(paths):
        layout = load_layout(path, registry)
        name = path.name.removesuffix(".json").removesuffix(".layout")
        items.append(Item(name, str(path), position, layout, None, (path,)))
    if image is None:
        return items
    if len(items) != 1:
        raise FetalFlexError(f"--image is one source image, but there are {len(items)} layouts; give one layout")
    [item] = items
    pixels = read_image(image)
    check_shape(pixels, named_with_turn(image), item.layout, item.origin)
    tell_of_losses(image)
    return [Item(item.name, item.origin, 0, item.layout, lambda: pixels, (*item.files, image))]


def items_from_dataset(
    path: Path, registry: Registry, split: str | None = None, plane: str | None = None, keep_source: bool = True
) -> list[Item]:
    """Return one item per record of a data set.

    Args:
        path: Data set folder or packed file.
        registry: Planes and structures.
        split: Only records of this split.
        plane: Only records of this plane, by name or synonym.
        keep_source: Keep the background of each record's image.

    Raises:
        FetalFlexError: If there is no such data set, split or plane, or nothing in it is chosen.
    """
    dataset = open_dataset(path, registry)
    names = _record_names([record.file_name for record in dataset])
    positions = {record.file_name: position for position, record in enumerate(dataset)}
    planes = None if plane is None else [registry.plane(plane).name]
    items = []
    for record in dataset.subset(split=split, planes=planes):
        position = positions[record.file_name]
        origin = f"{path}: {record.file_name}"
        check_known(record.layout, registry, origin)
        read_source = partial(dataset.image, record) if keep_source else None
        file = dataset.image_path(record) if isinstance(dataset, DatasetFolder) else path
        items.append(Item(names[position], origin, position, record.layout, read_source, (file,)))
    if not items:
        chosen = [f"split {split}" if split else "", f"plane {plane}" if plane else ""]
        raise FetalFlexError(f"{path} holds no records of {' and '.join(filter(None, chosen)) or 'any kind'}")
    return items


def _record_names(file_names: Sequence[str]) -> list[str]:
    """Return the files' stems, or, where two are the same, all paths with dashes for slashes."""
    stems = [PurePosixPath(name).stem for name in file_names]
    if len(set(stems)) == len(stems):
        return stems
    return ["-".join(PurePosixPath(name).with_suffix("").parts) for name in file_names]


def items_with_region(
    items: Sequence[Item], region: str | NDArray[np.bool_], registry: Registry, may_leave_out: bool
) -> list[Item]:
    """Return the items that a region to synthesise goes with.

    Args:
        items: What to draw.
        region: ROI mode, or a mask, (H, W) bool.
        registry: Planes and structures.
        may_leave_out: Leave out items whose layouts lack what the mode draws, as long as some remain.

    Raises:
        FetalFlexError: If a mask is not of a layout's size, or layouts lack what the mode draws.
    """
    if not isinstance(region, str):
        for item in items:
            check_shape(region, "the mask", item.layout, item.origin)
        return list(items)
    chosen = [item for item in items if _has_region(item, region, registry)]
    if len(chosen) < len(items) and not (chosen and may_leave_out):
        lacking = "outline of its plane" if region == Roi.OUTLINE else "structures"
        where = next(item.origin for item in items if not _has_region(item, region, registry))
        raise FetalFlexError(
            f"{where} holds no {lacking}, so no region follows from it; choose another --roi, such as full, or --mask"
        )
    return chosen


def _has_region(item: Item, roi: str, registry: Registry) -> bool:
    if item.read_source is None or roi == Roi.FULL:
        return True
    return item.layout.outline(registry) is not None if roi == Roi.OUTLINE else bool(item.layout.structures)


def plan_jobs(items: Sequence[Item], out: Path, seed: int, samples: int) -> list[Job]:
    """Return `samples` jobs per item, each with a seed of its own.

    Sample k of the item at position i has the seed `seed + i + 1,000,000 k`, k counted from 0: it depends neither on
    the number of samples nor on which other items are drawn.

    Args:
        items: What to draw.
        out: Folder to write to.
        seed: Seed of the run, >= 0.
        samples: Images per item, >= 1.

    Raises:
        FetalFlexError: If two images would have the same name, there are too many, or a seed is too large.
    """
    check_count(len(items), samples)
    check_seeds(seed, max((item.position for item in items), default=0), samples)
    jobs: dict[Path, Job] = {}
    for item in items:
        for sample in range(samples):
            name = item.name if samples == 1 else f"{item.name}-{sample + 1}"
            job = Job(item, seed + item.position + SEEDS_PER_SAMPLE * sample, out / f"{name}.png")
            if job.path in jobs:
                raise FetalFlexError(
                    f"{jobs[job.path].item.origin} and {item.origin} would both be written to {job.path}; "
                    "rename one of them, or write them to two folders"
                )
            jobs[job.path] = job
    return list(jobs.values())


def check_count(items: int, samples: int) -> None:
    """Raise a FetalFlexError if several images of each item are more than one command makes."""
    if items * samples > MOST_IMAGES:
        raise FetalFlexError(
            f"--samples {samples} of {items} layouts are {items * samples:,} images; one command makes at most "
            f"{MOST_IMAGES:,}, so give fewer samples or a --limit"
        )


def check_seeds(seed: int, last_position: int, samples: int) -> None:
    """Raise a FetalFlexError if the last of several images would have a seed that noise cannot be drawn from."""
    last = seed + last_position + SEEDS_PER_SAMPLE * (samples - 1)
    if not 0 <= seed <= last <= LARGEST_SEED:
        raise FetalFlexError(f"--seed {seed} leads to the seed {last} of the last image; seeds go up to {LARGEST_SEED}")
