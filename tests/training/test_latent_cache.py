from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from training_helpers import encoded_images

from fetalflex.anatomy import Canvas, default_registry, draw_layout_map, global_prompt
from fetalflex.diffusion.masks import mask_to_latents
from fetalflex.errors import FetalFlexError
from fetalflex.files.owner import Owner
from fetalflex.models.build import show_names
from fetalflex.models.components import Components
from fetalflex.models.latents import encode, pixels_from_arrays
from fetalflex.training.config import AugmentationConfig, DataConfig
from fetalflex.training.images import TrainingView, select_samples
from fetalflex.training.latent_cache import LatentCache, Latents
from fetalflex.training.roi import draw_inner_mask
from other_processes import held_elsewhere, leave_file
from phantoms import draw_phantom

REGISTRY = default_registry()
AUGMENTATION = AugmentationConfig(variants=2)
RECORDS, FIRST_SHARD, SECOND_SHARD = 36, 32, 4
FIELDS = ("image", "layout", "background", "roi_mask", "structure_mask")


@pytest.fixture
def folder(phantom_folder: Path, tmp_path: Path) -> Path:
    """A data set of the test's own."""
    return Path(shutil.copytree(phantom_folder, tmp_path / "data"))


def samples(folder: Path) -> list[TrainingView]:
    return select_samples(DataConfig(paths=(folder,), views={"whole": 1.0}), "train", REGISTRY)


def cache(folder: Path, components: Components, **changes: Any) -> LatentCache:
    options: dict[str, Any] = {
        "folder": folder / "cache",
        "components": components,
        "registry": REGISTRY,
        "augmentation": AUGMENTATION,
        "seed": 0,
        "device": torch.device("cpu"),
        "with_conditions": True,
    }
    return LatentCache(**options | changes)


def load(folder: Path, components: Components, **changes: Any) -> tuple[Latents, int]:
    """Return latents, and how many pictures the VAE encoded for them."""
    made = cache(folder, components, **changes)
    with encoded_images(components) as encoded:
        return made.load(samples(folder)), sum(encoded)


def same(first: Latents, second: Latents) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in FIELDS]
    equal = all((x is None and y is None) or torch.equal(x, y) for x, y in pairs)
    return equal and first.prompts == second.prompts


def test_latents_are_those_of_the_images_and_their_conditions(folder: Path, random_model: Components) -> None:
    latents, encoded = load(folder, random_model)
    count = RECORDS * AUGMENTATION.variants
    assert encoded == 3 * count
    assert len(latents) == count
    assert latents.image.shape == latents.layout.shape == latents.background.shape == (count, 4, 16, 16)
    assert latents.roi_mask.shape == (count, 1, 16, 16)
    assert latents.structure_mask.shape == (count, 1, 16, 16)
    assert set(latents.roi_mask.unique().tolist()) <= {0, 1}
    for number, sample in enumerate(samples(folder)[:3]):
        canvas = Canvas(64, 64, 64)
        layout = canvas.layout_to_canvas(sample.layout)
        image = canvas.image_to_canvas(sample.image())
        assert latents.prompts[2 * number] == global_prompt(layout, REGISTRY)
        with torch.no_grad():
            expected = encode(random_model.vae, pixels_from_arrays([image]))[0]
            expected_map = encode(random_model.vae, pixels_from_arrays([draw_layout_map(layout, REGISTRY)]))[0]
        torch.testing.assert_close(latents.image[2 * number].float(), expected, rtol=2e-3, atol=2e-3)
        torch.testing.assert_close(latents.layout[2 * number].float(), expected_map, rtol=2e-3, atol=2e-3)
        inner = torch.from_numpy(draw_inner_mask(layout, REGISTRY))[None, None]
        assert torch.equal(latents.structure_mask[2 * number], mask_to_latents(inner, 16)[0].to(torch.uint8))
        assert not torch.allclose(latents.image[2 * number], latents.image[2 * number + 1], atol=0.01)


def test_the_second_load_encodes_nothing(folder: Path, random_model: Components) -> None:
    first, _ = load(folder, random_model)
    second, encoded = load(folder, random_model)
    assert encoded == 0
    assert same(first, second)


def test_the_cache_does_not_depend_on_where_it_lies(folder: Path, random_model: Components) -> None:
    first, _ = load(folder, random_model, with_conditions=False)
    shutil.copytree(folder, folder.parent / "copy", ignore=shutil.ignore_patterns("cache"))
    second, encoded = load(folder.parent / "copy", random_model, with_conditions=False)
    assert encoded > 0
    assert same(first, second)


def test_a_later_stage_reuses_the_images_of_an_earlier_one(folder: Path, random_model: Components) -> None:
    images, encoded = load(folder, random_model, with_conditions=False)
    assert encoded == RECORDS * 2
    assert images.layout is None
    full, encoded = load(folder, random_model)
    assert encoded == 2 * RECORDS * 2
    assert torch.equal(full.image, images.image)
    assert full.prompts == images.prompts


def test_a_changed_image_recomputes_its_shard_only(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model)
    sample = samples(folder)[-1]
    path = sample.dataset.image_path(sample.record)
    Image.fromarray(draw_phantom(sample.layout, np.random.default_rng(99))).save(path)
    after, encoded = load(folder, random_model)
    assert encoded == 3 * 2 * SECOND_SHARD
    changed = [i for i in range(len(before)) if not torch.equal(before.image[i], after.image[i])]
    assert changed == [len(before) - 2, len(before) - 1]


def test_a_changed_layout_recomputes_its_shard_only(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model)
    chosen = samples(folder)
    moved = replace(chosen[-1].record, layout=chosen[-1].layout.mirrored_horizontally())
    with encoded_images(random_model) as encoded:
        after = cache(folder, random_model).load([*chosen[:-1], replace(chosen[-1], record=moved)])
    assert sum(encoded) == 3 * 2 * SECOND_SHARD
    assert not torch.equal(before.layout[-2], after.layout[-2])
    assert torch.equal(before.layout[:-2], after.layout[:-2])


def test_a_changed_autoencoder_recomputes_everything(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model, with_conditions=False)
    other = copy.deepcopy(random_model)
    with torch.no_grad():
        other.vae.encoder.conv_in.weight.add_(0.1)
    after, encoded = load(folder, other, with_conditions=False)
    assert encoded == 2 * RECORDS
    assert not torch.equal(before.image, after.image)


@pytest.mark.parametrize(
    "change", [{"augmentation": AugmentationConfig(variants=2, rotation=40.0)}, {"seed": 1}], ids=["rotation", "seed"]
)
def test_a_changed_augmentation_recomputes_everything(
    folder: Path, random_model: Components, change: dict[str, Any]
) -> None:
    before, _ = load(folder, random_model, with_conditions=False)
    after, encoded = load(folder, random_model, with_conditions=False, **change)
    assert encoded == 2 * RECORDS
    assert torch.equal(before.image[::2], after.image[::2])
    assert not torch.equal(before.image[1::2], after.image[1::2])


def test_another_precision_encodes_anew_and_nearly_the_same(folder: Path, random_model: Components) -> None:
    exact, _ = load(folder, random_model)
    fast, encoded = load(folder, random_model, precision="bf16")
    assert encoded == 3 * RECORDS * AUGMENTATION.variants
    for name in ("image", "layout", "background"):
        first, second = getattr(exact, name).float(), getattr(fast, name).float()
        assert 0 < (first - second).abs().max() < 0.1 * first.abs().max()
    assert torch.equal(exact.roi_mask, fast.roi_mask)


def test_changed_colours_recompute_layout_maps(folder: Path, random_model: Components, tmp_path: Path) -> None:
    before, _ = load(folder, random_model)
    text = REGISTRY.to_yaml()
    colour = list(REGISTRY.structure("thalami").colour)
    path = tmp_path / "planes.yaml"
    path.write_text(text.replace(str(colour), "[1, 2, 250]"))
    registry = type(REGISTRY).load(path)
    assert registry.structure("thalami").colour == (1, 2, 250)
    after, encoded = load(folder, random_model, registry=registry)
    assert encoded == 2 * RECORDS * AUGMENTATION.variants  # layout maps and backgrounds, but no image
    assert not torch.equal(before.layout, after.layout)


def test_label_channels_lie_beside_the_latents_of_the_map(folder: Path, random_model: Components) -> None:
    plain, _ = load(folder, random_model)
    names = ("thalami", "skull")
    show_names(random_model, {}, names)
    labelled, encoded = load(folder, random_model)
    assert encoded == 2 * RECORDS * AUGMENTATION.variants
    assert torch.equal(labelled.image, plain.image)
    channels = plain.layout.shape[1]
    assert labelled.layout.shape[1] == channels + len(names)
    assert torch.equal(labelled.layout[:, :channels], plain.layout)
    shares = labelled.layout[:, channels:]
    assert shares.min() == 0
    assert 0 < shares.max() <= 1


def test_what_is_kept_back_is_not_shown_but_named(folder: Path, random_model: Components) -> None:
    samples = select_samples(DataConfig(paths=(folder,), views={"close_up": 1}), "train", REGISTRY, True)
    sample = next(one for one in samples if len(one.layout.structures) > 1)
    hidden = replace(sample, view="partial", kept_back=frozenset({1}), prompt="fetal ultrasound, with thalami")
    others = [one for number, one in enumerate(sample.record.layout.structures) if number != 1]
    lesser = replace(sample.record, layout=sample.record.layout.with_structures(others))

    def cached(one: TrainingView) -> Latents:
        fixed = AugmentationConfig(variants=1)
        return LatentCache(folder / "cache", random_model, REGISTRY, fixed, 0, torch.device("cpu"), True).load([one])

    plain, partial = cached(sample), cached(hidden)
    assert partial.prompts == ["fetal ultrasound, with thalami"] != plain.prompts
    assert torch.equal(partial.image, plain.image)
    assert not torch.equal(partial.layout, plain.layout)
    without = cached(replace(sample, record=lesser))
    assert torch.equal(partial.layout, without.layout)
    assert torch.equal(partial.structure_mask, plain.structure_mask)
    assert cached(sample).prompts == plain.prompts


def shards(folder: Path) -> list[Path]:
    return sorted((folder / "cache").glob("*.safetensors"))


def test_a_shard_that_was_cut_short_is_computed_again(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model, with_conditions=False)
    for path in shards(folder):
        path.write_bytes(path.read_bytes()[:-7])
    after, encoded = load(folder, random_model, with_conditions=False)
    assert encoded == 2 * RECORDS
    assert same(before, after)
    assert load(folder, random_model, with_conditions=False)[1] == 0


def test_an_empty_shard_is_computed_again(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model, with_conditions=False)
    shards(folder)[0].write_bytes(b"")
    assert same(before, load(folder, random_model, with_conditions=False)[0])


def test_a_flipped_bit_anywhere_is_noticed(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model)
    path = min(shards(folder), key=lambda path: path.stat().st_size)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    header = int.from_bytes(whole[:8], "little")
    places = [*rng.integers(0, 8 + header, 10), *rng.integers(8 + header, len(whole), 3)]
    for place in map(int, places):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        assert same(before, load(folder, random_model)[0]), place


def test_a_shard_under_the_name_of_another_is_not_taken_for_it(folder: Path, random_model: Components) -> None:
    before, _ = load(folder, random_model)
    images = [path for path in shards(folder) if ".image." in path.name]
    first, second = (path.read_bytes() for path in images)
    images[0].write_bytes(second)
    images[1].write_bytes(first)
    assert same(before, load(folder, random_model)[0])


def test_leftovers_of_a_killed_run_are_removed_and_nothing_else(folder: Path, random_model: Components) -> None:
    leave_file(folder / "cache")
    living = leave_file(folder / "cache", Owner.this())
    (folder / "cache" / "movie.partial").write_bytes(b"mine")
    load(folder, random_model)
    assert {path.name for path in (folder / "cache").glob("*.partial")} == {living.name, "movie.partial"}


def test_one_run_at_a_time_fills_a_cache_and_a_full_one_serves_all(folder: Path, random_model: Components) -> None:
    with (
        held_elsewhere(folder / "cache") as other,
        pytest.raises(FetalFlexError, match=f"in use by process {other.pid} "),
    ):
        load(folder, random_model)
    latents, _ = load(folder, random_model)
    with held_elsewhere(folder / "cache"):
        again, encoded = load(folder, random_model)
    assert encoded == 0
    assert same(again, latents)


def test_progress_counts_records(folder: Path, random_model: Components) -> None:
    shown: list[float] = []
    cache(folder, random_model).load(samples(folder), shown.append)
    assert shown == [FIRST_SHARD, RECORDS]


def test_shards_of_a_view_are_found_again_beside_another_view(folder: Path, random_model: Components) -> None:
    whole, close_up, both = (
        select_samples(DataConfig(paths=(folder,), views=views), "train", REGISTRY)
        for views in ({"whole": 1.0}, {"close_up": 1.0}, {"close_up": 1.0, "whole": 1.0})
    )
    made = cache(folder, random_model)
    parts = [made.load(samples) for samples in (close_up, whole)]
    with encoded_images(random_model) as encoded:
        joined = made.load(both)
    assert encoded == []
    assert torch.equal(joined.image, torch.cat([part.image for part in parts]))
