from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Canvas, Layout, PlacedStructure, default_registry
from fetalflex.data import DatasetFolder, Record
from fetalflex.errors import FetalFlexError
from fetalflex.training.config import DataConfig
from fetalflex.training.images import ImageBank, half_of, select_samples
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


WHOLE = {"whole": 1.0}


def choice(*paths: Path, **changes: Any) -> DataConfig:
    return DataConfig(paths=paths, **({"views": WHOLE} | changes))


def names(config: DataConfig, split: str = "train") -> list[str]:
    return [sample.record.file_name for sample in select_samples(config, split, REGISTRY)]


def test_images_of_a_split_are_chosen_by_plane_and_quality(folder: Path) -> None:
    assert names(choice(folder)) == ["a.png", "c.png", "g.png"]
    assert names(choice(folder, min_quality=0)) == ["a.png", "b.png", "c.png", "g.png"]
    assert names(choice(folder), "val") == ["d.png"]
    assert names(choice(folder, planes=("thalamic transverse",))) == ["a.png", "c.png"]


def test_several_data_sets_follow_one_another(folder: Path) -> None:
    assert names(choice(folder, folder), "val") == ["d.png", "d.png"]


def test_a_choice_without_images_is_refused(folder: Path) -> None:
    with pytest.raises(FetalFlexError, match=r"data: no image with split 'val', planes \['femur'\]"):
        select_samples(choice(folder, planes=("femur",)), "val", REGISTRY)
    with pytest.raises(FetalFlexError, match="knee"):
        select_samples(choice(folder, planes=("knee",)), "train", REGISTRY)
    with pytest.raises(FetalFlexError, match="nowhere"):
        select_samples(choice(folder / "nowhere"), "train", REGISTRY)


def test_an_exchanged_view_shows_names_and_contents_in_other_places(phantom_folder: Path) -> None:
    views = {"close_up": 1, "exchanged": 1}
    samples = select_samples(DataConfig(paths=(phantom_folder,), views=views), "train", default_registry(), True)
    plain = {sample.record.file_name: sample for sample in samples if sample.view == "close_up"}
    exchanged = [sample for sample in samples if sample.view == "exchanged"]
    assert 0 < len(exchanged) <= len(plain)
    for sample in exchanged:
        before = plain[sample.record.file_name]
        assert sorted(sample.layout.names()) == sorted(before.layout.names())
        boxes = [[one.box for one in layout.structures] for layout in (sample.layout, before.layout)]
        assert boxes[0] != boxes[1] or sample.layout != before.layout
        assert not np.array_equal(sample.image(), sample.part.image(sample.dataset.image(sample.record)))


def test_a_partial_view_keeps_back_what_its_prompt_may_name(phantom_folder: Path) -> None:
    views = {"close_up": 1, "partial": 1}
    samples, again = (
        select_samples(DataConfig(paths=(phantom_folder,), views=views), "train", default_registry(), True)
        for _ in range(2)
    )
    plain = {sample.record.file_name: sample for sample in samples if sample.view == "close_up"}
    partial = [sample for sample in samples if sample.view == "partial"]
    assert 0 < len(partial) <= len(plain)
    for sample in partial:
        assert sample.layout == plain[sample.record.file_name].layout
        assert np.array_equal(sample.image(), plain[sample.record.file_name].image())
        shown = sample.shown_layout
        assert (
            len(shown.structures)
            == len(sample.layout.structures) - len(sample.kept_back)
            < len(sample.layout.structures)
        )
        outline = sample.layout.outline(default_registry())
        assert outline is None or outline in shown.structures
        assert sample.prompt is not None
    assert [sample.prompt for sample in again] == [sample.prompt for sample in samples]
    assert all(sample.shown_layout == sample.layout and sample.prompt is None for sample in plain.values())


def test_each_view_follows_the_one_before_and_unannotated_images_have_no_close_up(folder: Path) -> None:
    samples = select_samples(DataConfig(paths=(folder,)), "train", REGISTRY)
    shown = [(sample.view, sample.record.file_name) for sample in samples]
    whole, close = ([(view, name) for name in names] for view, names in (("whole", "acg"), ("close_up", "ac")))
    assert shown == [(view, f"{name}.png") for view, name in whole + close]
    only = select_samples(DataConfig(paths=(folder,)), "train", REGISTRY, views=["close_up"])
    assert [sample.view for sample in only] == ["close_up", "close_up"]


def test_a_close_up_shows_the_anatomy_larger_and_is_the_same_every_time(folder: Path) -> None:
    first, again = (select_samples(choice(folder, views={"close_up": 1.0}), "train", REGISTRY) for _ in range(2))
    for sample, other in zip(first, again, strict=True):
        assert sample.part == other.part
        layout, before = sample.layout, sample.record.layout
        assert sample.image().shape == (layout.height, layout.width)
        assert np.array_equal(sample.image(), sample.part.image(sample.dataset.image(sample.record)))
        assert max(layout.width, layout.height) <= max(before.width, before.height)
        outline, whole = layout.outline(REGISTRY), before.outline(REGISTRY)
        assert outline is not None
        assert whole is not None
        assert outline.box == whole.box.translated(-sample.part.x, -sample.part.y)
        assert outline.box.inside_fraction(layout.width, layout.height) > 0.99


def test_weights_multiply_those_of_view_and_plane(folder: Path) -> None:
    config = choice(folder, views={"whole": 0.5, "close_up": 2.0}, plane_weights={"thalamic transverse": 3.0})
    samples = select_samples(config, "train", REGISTRY)
    assert [sample.weight for sample in samples] == [1.5, 1.5, 0.5, 6.0, 6.0]
    with pytest.raises(FetalFlexError, match="knee"):
        select_samples(choice(folder, plane_weights={"knee": 2.0}), "train", REGISTRY)


def test_images_with_rare_structures_are_shown_more_often(folder: Path, tmp_path: Path) -> None:
    skull, falx = (PlacedStructure(name, Box(20, 20, 20, 20)) for name in ("skull", "midline_falx"))
    plain, rare = (Layout("thalamic_transverse", 40, 40, found) for found in ((skull,), (skull, falx)))
    image = np.full((40, 40), 9, np.uint8)
    items = [(Record(f"{i}.png", plain if i else rare, str(i), None, "train", 3), image) for i in range(8)]
    items.append((Record("empty.png", Layout("femur", 40, 40), "e", None, "train", 3), image))
    DatasetFolder.write(tmp_path / "rare", items)
    for threshold, factor in ((0.0, 1.0), (0.1, 1.0), (0.5, 2.0), (1.0, 8**0.5)):
        samples = select_samples(choice(tmp_path / "rare", rare_structures=threshold), "train", REGISTRY)
        assert [sample.weight for sample in samples] == pytest.approx([factor, *[1.0] * 8])


def test_the_bank_holds_images_and_layouts_on_the_canvas_in_order(folder: Path) -> None:
    samples = select_samples(choice(folder, min_quality=0), "train", REGISTRY)
    shown: list[int] = []
    bank = ImageBank(samples, 32, shown.append)
    assert len(bank) == len(samples) == 4
    assert shown == [1, 2, 3, 4]
    for sample, image, layout in zip(samples, bank.images, bank.layouts, strict=True):
        record = sample.record
        canvas = Canvas(record.layout.width, record.layout.height, 32)
        assert np.array_equal(image.numpy(), canvas.image_to_canvas(sample.dataset.image(record)))
        assert layout == canvas.layout_to_canvas(record.layout)


def test_a_damaged_image_is_named(folder: Path, tmp_path: Path) -> None:
    copy = DatasetFolder.write(tmp_path / "data", ((r, DatasetFolder(folder).image(r)) for r in DatasetFolder(folder)))
    (copy.root / "a.png").write_bytes(b"no image")
    with pytest.raises(FetalFlexError, match=r"a\.png"):
        ImageBank(select_samples(choice(copy.root), "train", REGISTRY), 32)


def test_crops_are_windows_of_their_images_flipped_or_not(folder: Path) -> None:
    bank = ImageBank(select_samples(choice(folder), "train", REGISTRY), 32)
    indices = np.array([0, 1, 0, 1] * 8)
    crops = bank.crops(indices, 20, torch.Generator().manual_seed(0))
    assert crops.shape == (32, 1, 20, 20)
    assert crops.dtype == torch.uint8
    flips = 0
    for index, (grey,) in zip(indices, crops, strict=True):
        windows = bank.images[index].unfold(0, 20, 1).unfold(1, 20, 1).reshape(-1, 20, 20)
        straight = bool((windows == grey).all((1, 2)).any())
        flipped = bool((windows == grey.flip(1)).all((1, 2)).any())
        assert straight or flipped
        flips += flipped
    assert 4 < flips < 28


def test_crops_depend_on_the_generator_alone(folder: Path) -> None:
    bank = ImageBank(select_samples(choice(folder), "train", REGISTRY), 32)
    first, second = (bank.crops(np.arange(3), 32, torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.shape == (3, 1, 32, 32)


@given(
    st.lists(
        st.tuples(st.sampled_from(["p1", "p2", "p3", "p4", None]), st.sampled_from(["one", "two", None])),
        min_size=1,
        max_size=20,
    )
)
def test_no_patient_is_in_both_halves(seen: list[tuple[str | None, str | None]]) -> None:
    layout = Layout("femur", 8, 8)
    records = [Record(f"{i}.png", layout, patient, source) for i, (patient, source) in enumerate(seen)]
    people = {half: {r.patient for r in records if half_of(r) == half} - {None} for half in ("first", "second")}
    assert not people["first"] & people["second"]
    assert {half_of(record) for record in records} <= {"first", "second"}


def test_patients_whom_two_data_sets_share_are_in_one_half(tmp_path: Path) -> None:
    layout = random_layout(np.random.default_rng(1), 16, 16)
    image = np.zeros((16, 16), np.uint8)
    paths = []
    for source in ("one", "two"):
        records = [Record(f"{source}{i}.png", layout, f"p{i}", source, "train") for i in range(12)]
        paths.append(DatasetFolder.write(tmp_path / source, [(record, image) for record in records]).root)
    first, second = (
        {sample.record.patient for sample in select_samples(choice(*paths, half=half), "train", REGISTRY)}
        for half in ("first", "second")
    )
    assert not first & second
    assert len(first | second) == 12
