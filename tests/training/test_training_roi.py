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


USUAL = {mode: draw_roi_mask(LAYOUT, REGISTRY, mode) for mode in ("auto", "box", "full")}
MANY = [draw(seed) for seed in range(500)]
OTHERS = [mask for mask in MANY if not any(np.array_equal(mask, usual) for usual in USUAL.values())]


@given(st.integers(0, 2**32))
def test_the_roi_is_never_empty(seed: int) -> None:
    mask = draw(seed)
    assert mask.shape == (100, 100)
    assert mask.any()


@pytest.mark.parametrize(("mode", "share"), [("auto", 0.3), ("box", 0.12), ("full", 0.15)])
def test_whole_regions_have_their_shares(mode: str, share: float) -> None:
    assert np.mean([np.array_equal(mask, USUAL[mode]) for mask in MANY]) == pytest.approx(share, abs=0.06)


def test_some_are_all_structures_with_a_margin_that_varies() -> None:
    largest = draw_roi_mask(LAYOUT, REGISTRY, "structures", 0.1)
    least = draw_roi_mask(LAYOUT, REGISTRY, "structures", 0.02)
    found = [mask for mask in OTHERS if mask[least].all() and not mask[~largest].any()]
    assert len(found) / len(MANY) == pytest.approx(0.13, abs=0.05)
    assert len({int(mask.sum()) for mask in found}) > 10


def test_some_are_a_structure_alone_and_little_round_it() -> None:
    thalami = draw_inner_mask(LAYOUT, REGISTRY)
    found = [mask for mask in OTHERS if mask[thalami].all() and mask.sum() < 0.25 * mask.size]
    assert len(found) / len(MANY) == pytest.approx(0.2, abs=0.07)


def test_some_are_strokes_wherever_they_fall() -> None:
    thalami = draw_inner_mask(LAYOUT, REGISTRY)
    assert sum(not mask[thalami].all() for mask in MANY) > 0.03 * len(MANY)


@given(st.integers(0, 2**32))
def test_without_structures_the_whole_image_is_hidden_or_strokes(seed: int) -> None:
    mode = np.random.default_rng(seed)
    mask = draw(seed, Layout("femur", 30, 20))
    assert mask.any()
    assert mask.all() or mode.uniform() > 0.89  # the strokes come last of the kinds that are drawn


def test_the_draw_depends_on_the_generator_alone() -> None:
    assert np.array_equal(draw(7), draw(7))


def test_the_inner_mask_covers_all_structures_but_the_outline() -> None:
    thalami = LAYOUT.with_structures(STRUCTURES[1:])
    assert np.array_equal(draw_inner_mask(LAYOUT, REGISTRY), draw_roi_mask(thalami, REGISTRY, "structures", 0.0))
    assert np.array_equal(draw_inner_mask(thalami, REGISTRY), draw_inner_mask(LAYOUT, REGISTRY))
    assert not draw_inner_mask(LAYOUT.with_structures(STRUCTURES[:1]), REGISTRY).any()
    assert not draw_inner_mask(LAYOUT.with_structures(()), REGISTRY).any()
