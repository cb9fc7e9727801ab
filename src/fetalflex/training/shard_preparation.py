"""Prepare shards of a latent cache: find what is there, make the variants where something is missing.

This takes about ten milliseconds of one core per variant, most of it in Python, where a GPU encodes hundreds in that
time; so that for a large data set, on many cores, worker processes do it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fetalflex.compute.ahead import computed_ahead
from fetalflex.compute.cores import usable_cores
from fetalflex.compute.workers import WorkerEnded, Workers
from fetalflex.spreading import spread
from fetalflex.training.images import TrainingView
from fetalflex.training.latent_shards import RECORDS_PER_SHARD, ShardContent, ShardFiles, read_shard
from fetalflex.training.variants import Map, VariantMaker, Variants

_FEW_CORES = 2
_FEW_VARIANTS = 2000  # take threads not much longer than workers need to start
_MOST_WORKERS = 32
_MOST_THREADS = 8
_PROBED = 4
_AHEAD_BYTES = 2**32


@dataclass(frozen=True)
class Prepared:
    """The files of a shard by kind, and its variants unless all files are there."""

    paths: dict[str, Path]
    variants: Variants | None


@dataclass(frozen=True)
class ShardState:
    """What is known of a shard.

    Args:
        paths: Its files by kind.
        found: What those hold that are there and whole.
        variants: What the others are made from; None only if nothing is missing.
    """

    paths: dict[str, Path]
    found: dict[str, ShardContent]
    variants: Variants | None

    @property
    def missing(self) -> bool:
        """Whether a file is to be made."""
        return len(self.found) < len(self.paths)


@dataclass(frozen=True)
class ShardPreparation:
    """Read the images of a shard, find its files, and make variants if one of them is not there.

    Args:
        files: Where files lie.
        maker: Makes variants.
    """

    files: ShardFiles
    maker: VariantMaker

    def __call__(self, samples: Sequence[TrainingView], each: Map = map, always: bool = False) -> Prepared:
        """Return files and variants of a shard's samples.

        Args:
            samples: Views of images.
            each: Calls a function with each sample.
            always: Make variants even if all files are there.

        Raises:
            FetalFlexError: If an image is missing or damaged.
        """
        images = list(each(TrainingView.image, samples))
        paths = self.files.paths(samples, images)
        if not always and all(path.exists() for path in paths.values()):
            return Prepared(paths, None)
        return Prepared(paths, self.maker.make(samples, images, each))


@contextmanager
def prepared_shards(
    preparation: ShardPreparation, shards: Sequence[list[TrainingView]], workers: int | None, share: int
) -> Iterator[Iterator[ShardState]]:
    """Give the states of shards, in order, each prepared while those before it are being used.

    What comes out does not depend on who prepares it.

    Args:
        preparation: How.
        shards: The samples of each.
        workers: Number of worker processes; 0 = threads of this process; None = as many as pay.
        share: How many programs like this one share the machine.
    """
    cores = max(1, usable_cores() // share)
    if workers is None:
        workers = _workers_that_pay(preparation, shards, cores)
    with ExitStack() as stack:
        looking = ThreadPoolExecutor(max(workers, 1))
        stack.callback(looking.shutdown, cancel_futures=True)
        if workers:
            prepare = _by_workers(preparation, shards, workers, stack)
            ahead = _shards_ahead(preparation.maker, workers)
        else:
            preparing = ThreadPoolExecutor(min(cores, _MOST_THREADS))
            stack.callback(preparing.shutdown, cancel_futures=True)
            prepare, ahead = partial(preparation, each=preparing.map), 1
        yield computed_ahead(looking, partial(_state, preparation, prepare), shards, ahead)


def _state(
    preparation: ShardPreparation, prepare: Callable[[list[TrainingView]], Prepared], samples: list[TrainingView]
) -> ShardState:
    prepared = prepare(samples)
    contents = {kind: read_shard(path) for kind, path in prepared.paths.items()}
    found = {kind: content for kind, content in contents.items() if content is not None}
    variants = prepared.variants
    if variants is None and len(found) < len(contents):  # a file is there, but damaged
        variants = preparation(samples, always=True).variants
    return ShardState(prepared.paths, found, variants)


def _workers_that_pay(preparation: ShardPreparation, shards: Sequence[list[TrainingView]], cores: int) -> int:
    """Return how many worker processes to start; none for little work, or if some shards here and there are cached."""
    variants = sum(map(len, shards)) * preparation.maker.augmentation.variants
    if cores <= _FEW_CORES or variants < _FEW_VARIANTS:
        return 0
    kinds = {type(sample.dataset).__module__.partition(".")[0] for samples in shards for sample in samples}
    if kinds != {__name__.partition(".")[0]}:  # a worker may not be able to import what a program defines itself
        return 0
    if all(_is_there(preparation.files, samples) for samples in spread(shards, _PROBED)):
        return 0
    return min(cores, len(shards), _MOST_WORKERS)


def _is_there(files: ShardFiles, samples: list[TrainingView]) -> bool:
    paths = files.paths(samples, [sample.image() for sample in samples])
    return all(path.exists() for path in paths.values())


def _shards_ahead(maker: VariantMaker, workers: int) -> int:
    """Return how many shards may wait: two for each worker, unless they would take too much memory."""
    pictures = 3 if maker.with_conditions else 1
    size = RECORDS_PER_SHARD * maker.augmentation.variants * pictures * maker.size**2
    return max(2, min(2 * workers, _AHEAD_BYTES // size))


def _by_workers(
    preparation: ShardPreparation, shards: Sequence[list[TrainingView]], count: int, stack: ExitStack
) -> Callable[[list[TrainingView]], Prepared]:
    """Start workers, and return what has them prepare a shard, or does it itself if they end."""
    datasets = {id(sample.dataset): sample.dataset for samples in shards for sample in samples}
    try:
        workers = stack.enter_context(Workers(preparation, list(datasets.values()), count))
    except OSError as error:
        _warn(f"worker processes cannot be started ({error})")
        return preparation

    def prepare(samples: list[TrainingView]) -> Prepared:
        try:
            prepared: Prepared = workers(samples)
        except WorkerEnded as error:
            _warn(str(error))
            return preparation(samples)
        return prepared

    return prepare


def _warn(reason: str) -> None:
    warnings.warn(f"{reason}; this process prepares images itself, which is slower", RuntimeWarning, stacklevel=2)
