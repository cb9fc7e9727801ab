from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fetalflex.anatomy import Canvas, Layout, default_registry
from fetalflex.data import DatasetFolder, Record
from fetalflex.errors import FetalFlexError
from fetalflex.training.config import DataConfig
from fetalflex.training.images import ImageBank, select_samples
from phantoms import draw_phantom, random_layout

REGISTRY = default_registry()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six images of several sizes, planes, splits and grades."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("images") / "data"
    kinds = [
        ("a", "train", 3, (64, 64)), ("b", "train", 1, (90, 50)), ("c", "train", None, (50, 90)),
        ("d", "val", 3, (64, 64)), ("e", "test", 3, (64, 64)), ("f", None, 3, (64, 64)),
    ]  # fmt: skip
    items = []
    for name, split, quality, (width, height) in kinds:
        layout = random_layout(rng, width, height)
        items.append((Record(f"{name}.png", layout, name, None, split, quality), draw_phantom(layout, rng)))
    femur = Layout("femur", 40, 40)
    items.append((Record("g.png", femur, "g", None, "train", 3), np.zeros((40, 40), np.uint8)))
    DatasetFolder.write(root, items)
    return root


def names(config: DataConfig, split: str = "train") -> list[str]:
    return [record.file_name for _, record in select_samples(config, split, REGISTRY)]


def test_images_of_a_split_are_chosen_by_plane_and_quality(folder: Path) -> None:
    assert names(DataConfig(paths=(folder,))) == ["a.png", "c.png", "g.png"]
    assert names(DataConfig(paths=(folder,), min_quality=0)) == ["a.png", "b.png", "c.png", "g.png"]
    assert names(DataConfig(paths=(folder,)), "val") == ["d.png"]
    assert names(DataConfig(paths=(folder,), planes=("thalamic transverse",))) == ["a.png", "c.png"]


def test_several_data_sets_follow_one_another(folder: Path) -> None:
    assert names(DataConfig(paths=(folder, folder)), "val") == ["d.png", "d.png"]


def test_a_choice_without_images_is_refused(folder: Path) -> None:
    with pytest.raises(FetalFlexError, match=r"data\.paths: no image with split 'val', planes \['femur'\]"):
        select_samples(DataConfig(paths=(folder,), planes=("femur",)), "val", REGISTRY)
    with pytest.raises(FetalFlexError, match="knee"):
        select_samples(DataConfig(paths=(folder,), planes=("knee",)), "train", REGISTRY)
    with pytest.raises(FetalFlexError, match="nowhere"):
        select_samples(DataConfig(paths=(folder / "nowhere",)), "train", REGISTRY)


def test_the_bank_holds_images_and_layouts_on_the_canvas_in_order(folder: Path) -> None:
    samples = select_samples(DataConfig(paths=(folder,), min_quality=0), "train", REGISTRY)
    shown: list[int] = []
    bank = ImageBank(samples, 32, shown.append)
    assert len(bank) == len(samples) == 4
    assert shown == [1, 2, 3, 4]
    for (dataset, record), image, layout in zip(samples, bank.images, bank.layouts, strict=True):
        canvas = Canvas(record.layout.width, record.layout.height, 32)
        assert np.array_equal(image.numpy(), canvas.image_to_canvas(dataset.image(record)))
        assert layout == canvas.layout_to_canvas(record.layout)


def test_a_damaged_image_is_named(folder: Path, tmp_path: Path) -> None:
    copy = DatasetFolder.write(tmp_path / "data", ((r, DatasetFolder(folder).image(r)) for r in DatasetFolder(folder)))
    (copy.root / "a.png").write_bytes(b"no image")
    with pytest.raises(FetalFlexError, match=r"a\.png"):
        ImageBank(select_samples(DataConfig(paths=(copy.root,)), "train", REGISTRY), 32)


def test_crops_are_windows_of_their_images_flipped_or_not(folder: Path) -> None:
    bank = ImageBank(select_samples(DataConfig(paths=(folder,)), "train", REGISTRY), 32)
    indices = np.array([0, 1, 0, 1] * 8)
    crops = bank.crops(indices, 20, torch.Generator().manual_seed(0))
    assert crops.shape == (32, 3, 20, 20)
    flips = 0
    for index, crop in zip(indices, crops, strict=True):
        assert torch.equal(crop[0], crop[2])
        grey = ((crop[0] + 1) * 127.5).round().to(torch.uint8)
        windows = bank.images[index].unfold(0, 20, 1).unfold(1, 20, 1).reshape(-1, 20, 20)
        straight = bool((windows == grey).all((1, 2)).any())
        flipped = bool((windows == grey.flip(1)).all((1, 2)).any())
        assert straight or flipped
        flips += flipped
    assert 4 < flips < 28


def test_crops_depend_on_the_generator_alone(folder: Path) -> None:
    bank = ImageBank(select_samples(DataConfig(paths=(folder,)), "train", REGISTRY), 32)
    first, second = (bank.crops(np.arange(3), 32, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (3, 3, 32, 32)
