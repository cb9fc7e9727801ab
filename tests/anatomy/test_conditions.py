from __future__ import annotations

import numpy as np
import pytest

from fetalflex.anatomy import Layout, Registry, draw_layout_map, draw_roi_mask, global_prompt
from fetalflex.anatomy.conditions import build_conditions


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (100, 200), dtype=np.uint8)


def test_conditions_are_prompt_map_mask_and_blanked_image(
    abdomen: Layout, registry: Registry, image: np.ndarray
) -> None:
    roi = draw_roi_mask(abdomen, registry, "structures")
    conditions = build_conditions(abdomen, image, roi, registry)
    assert conditions.prompt == global_prompt(abdomen, registry)
    assert np.array_equal(conditions.layout_map, draw_layout_map(abdomen, registry))
    assert np.array_equal(conditions.roi_mask, roi)
    assert not conditions.background[roi].any()
    assert np.array_equal(conditions.background[~roi], image[~roi])
    assert conditions.background.dtype == np.uint8


def test_without_an_image_the_background_is_black(abdomen: Layout, registry: Registry) -> None:
    conditions = build_conditions(abdomen, None, np.ones((100, 200), bool), registry)
    assert conditions.background.shape == (100, 200)
    assert conditions.background.dtype == np.uint8
    assert not conditions.background.any()


@pytest.mark.parametrize("prompt", ["an enlarged stomach", ""])
def test_a_prompt_of_ones_own_replaces_the_global_one(abdomen: Layout, registry: Registry, prompt: str) -> None:
    assert build_conditions(abdomen, None, np.ones((100, 200), bool), registry, prompt).prompt == prompt


def test_the_image_is_not_changed(abdomen: Layout, registry: Registry, image: np.ndarray) -> None:
    before = image.copy()
    build_conditions(abdomen, image, np.ones((100, 200), bool), registry)
    assert np.array_equal(image, before)
