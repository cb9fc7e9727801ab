from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import torch

from fetalflex.anatomy import default_registry
from fetalflex.anatomy.conditions import build_conditions
from fetalflex.anatomy.drawing import layout_palette
from fetalflex.anatomy.layout_code import LayoutCode
from fetalflex.diffusion.masks import mask_to_latents, share_of_latents
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.config import AugmentationConfig, DataConfig
from fetalflex.training.images import TrainingView, select_samples
from fetalflex.training.roi import draw_inner_mask
from fetalflex.training.variants import VariantMaker, Variants

REGISTRY = default_registry()
CODE = LayoutCode(channels=("thalami", "skull", "stomach_bubble"))
VIEWS = {"whole": 1.0, "close_up": 1.0, "exchanged": 1.0, "partial": 1.0}


@pytest.fixture(scope="module")
def samples(phantom_folder: Path) -> list[TrainingView]:
    return select_samples(DataConfig(paths=(phantom_folder,), views=VIEWS), "train", REGISTRY, True)[::5]


def maker(with_conditions: bool = True) -> VariantMaker:
    return VariantMaker(REGISTRY, CODE.channels, AugmentationConfig(variants=3), 7, 64, 16, with_conditions)


def made(samples: list[TrainingView], with_conditions: bool = True) -> Variants:
    return maker(with_conditions).make(samples, [sample.image() for sample in samples])


def test_the_first_variant_is_the_image_as_it_is_under_its_conditions(samples: list[TrainingView]) -> None:
    variants = made(samples)
    found = variants.conditions
    assert found is not None
    assert len(variants.prompts) == len(variants.image) == len(found.numbers) == 3 * len(samples)
    palette = layout_palette(REGISTRY)
    assert {sample.view for sample in samples} == set(VIEWS)
    for number, sample in enumerate(samples):
        at = 3 * number
        layout = Augmentation().apply_to_layout(sample.layout, 64)
        shown = Augmentation().apply_to_layout(sample.shown_layout, 64)
        image = Augmentation().apply_to_image(sample.image(), 64)
        roi = np.kron(found.roi_mask[at, 0], np.ones((4, 4))).astype(bool)
        conditions = build_conditions(shown, image, roi, REGISTRY, sample.prompt, CODE)
        assert variants.prompts[at] == conditions.prompt
        np.testing.assert_array_equal(variants.image[at], image)
        np.testing.assert_array_equal(palette[found.numbers[at]], conditions.layout_map)
        labels = torch.from_numpy(conditions.label_maps)[None]
        np.testing.assert_array_equal(found.shares[at], share_of_latents(labels, 16)[0].numpy())
        assert ((found.background[at] == image) | (found.background[at] == 0)).all()
        np.testing.assert_array_equal(found.background[at][~roi], image[~roi])
        inner = torch.from_numpy(draw_inner_mask(layout, REGISTRY))[None, None]
        np.testing.assert_array_equal(found.structure_mask[at], mask_to_latents(inner, 16)[0].numpy())


def test_conditions_do_not_change_images_and_prompts(samples: list[TrainingView]) -> None:
    full, bare = made(samples), made(samples, with_conditions=False)
    assert bare.conditions is None
    assert bare.prompts == full.prompts
    np.testing.assert_array_equal(bare.image, full.image)


def test_threads_and_company_change_nothing(samples: list[TrainingView]) -> None:
    alone = [made([sample]) for sample in samples]
    with ThreadPoolExecutor(3) as pool:
        together = maker().make(samples, [sample.image() for sample in samples], pool.map)
    assert together.prompts == [prompt for one in alone for prompt in one.prompts]
    np.testing.assert_array_equal(together.image, np.concatenate([one.image for one in alone]))
    for field in fields(together.conditions):
        parts = np.concatenate([getattr(one.conditions, field.name) for one in alone])
        np.testing.assert_array_equal(getattr(together.conditions, field.name), parts)
