from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, draw_roi_mask
from fetalflex.training.roi import draw_inner_mask, draw_training_roi

REGISTRY = default_registry()
STRUCTURES = (PlacedStructure("skull", Box(50, 50, 60, 40, 10)), PlacedStructure("thalami", Box(50, 50, 20, 15)))
LAYOUT = Layout("thalamic_transverse", 100, 100, STRUCTURES)


def draw(seed: int, layout: Layout = LAYOUT) -> np.ndarray:
    return draw_training_roi(layout, REGISTRY, np.random.default_rng(seed))


@given(st.integers(0, 2**32))
def test_the_roi_always_covers_outline_and_structures(seed: int) -> None:
    mask = draw(seed)
    assert mask.shape == (100, 100)
    assert mask[draw_roi_mask(LAYOUT, REGISTRY, "outline") & draw_roi_mask(LAYOUT, REGISTRY, "box")].all()
    assert mask[draw_inner_mask(LAYOUT, REGISTRY)].all()


def test_half_are_outlines_a_quarter_structures_a_quarter_whole_images() -> None:
    outline, box = (draw_roi_mask(LAYOUT, REGISTRY, mode) for mode in ("auto", "box"))
    masks = [draw(seed) for seed in range(400)]
    assert np.mean([mask.all() for mask in masks]) == pytest.approx(0.25, abs=0.07)
    assert np.mean([np.array_equal(mask, outline) for mask in masks]) == pytest.approx(0.35, abs=0.08)
    assert np.mean([np.array_equal(mask, box) for mask in masks]) == pytest.approx(0.15, abs=0.06)


def test_without_an_outline_three_quarters_are_the_structures() -> None:
    layout = LAYOUT.with_structures(STRUCTURES[1:])
    masks = [draw(seed, layout) for seed in range(400)]
    assert np.mean([mask.all() for mask in masks]) == pytest.approx(0.25, abs=0.07)
    assert all(mask[draw_inner_mask(layout, REGISTRY)].all() for mask in masks)


def test_the_margin_round_structures_varies() -> None:
    usual = [draw_roi_mask(LAYOUT, REGISTRY, mode) for mode in ("auto", "box", "full")]
    masks = [mask for mask in map(draw, range(100)) if not any(np.array_equal(mask, other) for other in usual)]
    sizes = {int(mask.sum()) for mask in masks}
    assert len(sizes) > 10
    assert min(sizes) >= draw_roi_mask(LAYOUT, REGISTRY, "structures", 0.02).sum()
    assert max(sizes) <= draw_roi_mask(LAYOUT, REGISTRY, "structures", 0.1).sum()


@given(st.integers(0, 2**32))
def test_without_structures_the_whole_image_is_hidden(seed: int) -> None:
    assert draw(seed, Layout("femur", 30, 20)).all()


def test_the_draw_depends_on_the_generator_alone() -> None:
    assert np.array_equal(draw(7), draw(7))


def test_the_inner_mask_covers_all_structures_but_the_outline() -> None:
    thalami = LAYOUT.with_structures(STRUCTURES[1:])
    assert np.array_equal(draw_inner_mask(LAYOUT, REGISTRY), draw_roi_mask(thalami, REGISTRY, "structures", 0.0))
    assert np.array_equal(draw_inner_mask(thalami, REGISTRY), draw_inner_mask(LAYOUT, REGISTRY))
    assert not draw_inner_mask(LAYOUT.with_structures(STRUCTURES[:1]), REGISTRY).any()
    assert not draw_inner_mask(LAYOUT.with_structures(()), REGISTRY).any()
