from __future__ import annotations

import math

import pytest
from augment_helpers import ABDOMEN
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.anatomy.anomalies import Plausibility, default_library
from fetalflex.augment.plan import Variation
from fetalflex.augment.planning import vary
from fetalflex.errors import FetalFlexError

REGISTRY, RULES = default_registry(), default_library().rules


@given(st.integers(0, 2**48), st.floats(0, 0.05), st.floats(0, 0.1))
def test_structures_move_and_grow_no_further_than_asked_for(seed: int, shift: float, scale: float) -> None:
    variation = Variation(shift=shift, scale=scale)
    recipe = vary(ABDOMEN, variation, seed, REGISTRY, RULES)
    assert recipe == vary(ABDOMEN, variation, seed, REGISTRY, RULES)
    after = recipe.apply(ABDOMEN, REGISTRY)
    assert after.names() == ABDOMEN.names()
    assert after.find("abdomen") == ABDOMEN.find("abdomen")
    assert not Plausibility(ABDOMEN, REGISTRY, RULES).problems(after)
    for old, new in zip(ABDOMEN.structures, after.structures, strict=True):
        assert abs(new.box.cx - old.box.cx) <= shift * 72 + 0.001
        assert abs(new.box.cy - old.box.cy) <= shift * 72 + 0.001
        assert 1 / (1 + scale) - 0.001 <= new.box.width / old.box.width <= 1 + scale + 0.001


def test_several_of_a_name_vary_each_by_itself() -> None:
    boxes = [Box(40, 40, 10, 8), Box(60, 40, 10, 8)]
    layout = Layout("facial_sagittal", 100, 100, tuple(PlacedStructure("palate", box) for box in boxes))
    after = vary(layout, Variation(shift=0.1, scale=0.1), 1, REGISTRY, RULES).apply(layout, REGISTRY)
    first, second = ((new.box.cx - old.cx) for new, old in zip(after.structures, boxes, strict=True))
    assert first != second


def test_a_variation_that_is_never_possible_is_refused() -> None:
    ring = [Box(50 + 38 * math.cos(i), 50 + 38 * math.sin(i), 4, 4) for i in range(9)]
    inside = tuple(PlacedStructure("spine", box) for box in ring)
    layout = Layout("abdominal_transverse", 100, 100, (PlacedStructure("abdomen", Box(50, 50, 84, 84)), *inside))
    with pytest.raises(FetalFlexError, match=r"no possible variation in 64 draws, .*; vary less"):
        vary(layout, Variation(shift=0.2, scale=0.5), 0, REGISTRY, RULES)
