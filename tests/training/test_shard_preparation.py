from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch

from fetalflex.anatomy import default_registry
from fetalflex.compute.workers import Workers
from fetalflex.data import pack
from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.records import Dataset
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.training import shard_preparation
from fetalflex.training.config import AugmentationConfig, DataConfig
from fetalflex.training.images import TrainingView, select_samples
from fetalflex.training.latent_cache import LatentCache, Latents
from fetalflex.training.latent_shards import ShardFiles, in_shards, write_shard
from fetalflex.training.shard_preparation import ShardPreparation, ShardState, prepared_shards
from fetalflex.training.variants import VariantMaker

REGISTRY = default_registry()
VIEWS = {"whole": 1.0, "close_up": 1.0, "partial": 1.0}


@pytest.fixture
def folder(phantom_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom_folder, tmp_path / "data"))


def shards_of(path: Path) -> list[list[TrainingView]]:
    return list(in_shards(select_samples(DataConfig(paths=(path,), views=VIEWS), "train", REGISTRY, True)))


def preparation(folder: Path, variants: int = 2) -> ShardPreparation:
    files = ShardFiles(folder / "cache", ("image", "conditions"), "common", "code")
    channels = ("thalami", "skull")
    return ShardPreparation(
        files, VariantMaker(REGISTRY, channels, AugmentationConfig(variants=variants), 0, 64, 16, True)
    )


def states(folder: Path, workers: int, shards: list[list[TrainingView]]) -> list[ShardState]:
    with prepared_shards(preparation(folder), shards, workers, 1) as found:
        return list(found)


def assert_same(first: ShardState, second: ShardState) -> None:
    assert first.paths == second.paths
    assert (first.variants is None) == (second.variants is None)
    if first.variants is not None:
        assert first.variants.prompts == second.variants.prompts
        arrays = zip(
            (first.variants.image, *astuple(first.variants.conditions)),
            (second.variants.image, *astuple(second.variants.conditions)),
            strict=True,
        )
        for one, other in arrays:
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_workers_prepare_what_threads_do_from_folders_and_packed_files(folder: Path, tmp_path: Path) -> None:
    pack([DatasetFolder(folder)], tmp_path / "packed.safetensors", size=64)
    shards = [*shards_of(folder), *shards_of(tmp_path / "packed.safetensors")]
    by_threads, by_workers = (states(folder, workers, shards) for workers in (0, 2))
    assert len(by_threads) == len(shards) > 6
    for one, other in zip(by_threads, by_workers, strict=True):
        assert one.missing
        assert_same(one, other)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_image_is_the_same_error_for_all(folder: Path, workers: int) -> None:
    shards = shards_of(folder)
    sample = shards[-1][-1]
    assert isinstance(sample.dataset, DatasetFolder)
    path = sample.dataset.image_path(sample.record)
    path.write_bytes(b"no image")
    with pytest.raises(FetalFlexError) as expected:
        sample.image()
    assert path.name in str(expected.value)
    with pytest.raises(FetalFlexError) as found:
        states(folder, workers, shards)
    assert str(found.value) == str(expected.value)


def test_workers_that_end_are_replaced_by_this_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = shards_of(folder)[:2]
    expected = states(folder, 0, shards)

    def dead(function: Callable[..., object], shared: list[Dataset], count: int) -> Workers:
        workers = Workers(function, shared, count)
        enter = Workers.__enter__

        class Dead(Workers):
            def __enter__(self) -> Workers:
                entered = enter(workers)
                for worker in workers._workers:
                    worker.process.kill()
                    worker.process.wait()
                return entered

            def __exit__(self, *error: object) -> None:
                workers.__exit__(None, None, None)

        return Dead(function, shared, 0)

    monkeypatch.setattr(shard_preparation, "Workers", dead)
    with pytest.warns(RuntimeWarning, match="worker process ended with status -9; this process prepares images itself"):
        found = states(folder, 1, shards)
    for one, other in zip(expected, found, strict=True):
        assert_same(one, other)


def test_what_is_there_is_read_and_what_is_damaged_is_prepared(folder: Path) -> None:
    shards = shards_of(folder)[:2]
    tensors = {"image": torch.ones(2, 3)}
    for state in states(folder, 0, shards):
        for path in state.paths.values():
            write_shard(path, tensors, ["a prompt"])
    damaged = next(iter(states(folder, 0, shards)[1].paths.values()))
    damaged.write_bytes(damaged.read_bytes()[:-1])
    whole, broken = states(folder, 0, shards)
    assert not whole.missing
    assert whole.variants is None
    assert torch.equal(whole.found["conditions"][0]["image"], tensors["image"])
    assert broken.missing
    assert list(broken.found) == ["conditions"]
    assert broken.variants is not None


def test_workers_start_where_they_pay(folder: Path) -> None:
    def pay(cores: int, variants: int) -> int:
        return shard_preparation._workers_that_pay(preparation(folder, variants), shards, cores)

    shards = shards_of(folder)
    assert pay(cores=16, variants=1) == 0  # too little work
    assert pay(cores=2, variants=64) == 0
    assert pay(cores=4, variants=64) == 4
    assert pay(cores=1000, variants=64) == len(shards)
    made = preparation(folder, 64)
    for samples in shards:
        for path in made.files.paths(samples, [sample.image() for sample in samples]).values():
            path.parent.mkdir(exist_ok=True)
            path.touch()
    assert pay(cores=4, variants=64) == 0  # all is there


def test_data_sets_of_a_programs_own_kind_stay_in_its_process(folder: Path) -> None:
    class Mine(DatasetFolder):
        pass

    Mine.__module__ = "__main__"
    shards = shards_of(folder)
    for samples in shards:
        for sample in samples:
            sample.dataset.__class__ = Mine
    assert shard_preparation._workers_that_pay(preparation(folder, 64), shards, 4) == 0


def test_a_cache_is_the_same_whoever_prepares_it(folder: Path, random_model: Components) -> None:
    samples = [sample for samples in shards_of(folder) for sample in samples[:4]]

    def load(name: str, workers: int) -> Latents:
        augmentation = AugmentationConfig(variants=2)
        device = torch.device("cpu")
        cache = LatentCache(folder / name, random_model, REGISTRY, augmentation, 0, device, True, workers=workers)
        return cache.load(samples)

    first, second = load("threads", 0), load("workers", 1)
    assert first.prompts == second.prompts
    for name in ("image", "layout", "background", "roi_mask", "structure_mask"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    files = [sorted(path.name for path in (folder / name).iterdir()) for name in ("threads", "workers")]
    assert files[0] == files[1]
    assert {name.split(".")[1] for name in files[0]} == {"image", "conditions", "structures"}
