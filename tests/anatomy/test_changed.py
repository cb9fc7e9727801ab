from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, changed_structures, default_registry, draw_change_mask
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()
ABDOMEN = PlacedStructure("abdomen", Box(100, 60, 120, 100))
STOMACH = PlacedStructure("stomach", Box(80, 50, 20, 10))
MOVED = PlacedStructure("stomach", Box(120, 70, 20, 10))
BEFORE = Layout("abdominal_transverse", 200, 120, (ABDOMEN, STOMACH))


def test_what_only_one_layout_holds_has_changed() -> None:
    assert changed_structures(BEFORE, BEFORE) == ()
    assert changed_structures(BEFORE, BEFORE.with_structures((ABDOMEN, MOVED))) == (STOMACH, MOVED)
    assert changed_structures(BEFORE, BEFORE.with_structures((STOMACH, ABDOMEN))) == ()
    assert changed_structures(BEFORE, BEFORE.with_structures((ABDOMEN,))) == (STOMACH,)


def test_structures_that_stand_twice_are_counted() -> None:
    twice = BEFORE.with_structures((ABDOMEN, STOMACH, STOMACH))
    assert changed_structures(twice, BEFORE) == (STOMACH,)
    assert changed_structures(BEFORE, twice) == (STOMACH,)


def test_the_mask_covers_where_it_was_and_where_it_is_with_a_margin() -> None:
    mask = draw_change_mask(BEFORE, BEFORE.with_structures((ABDOMEN, MOVED)), REGISTRY, margin=0.02)
    expected = np.zeros((120, 200), bool)
    expected[41:59, 66:94] = True
    expected[61:79, 106:134] = True
    assert np.array_equal(mask, expected)


def test_layouts_of_two_images_or_without_a_change_are_refused() -> None:
    with pytest.raises(FetalFlexError, match="nothing differs"):
        draw_change_mask(BEFORE, BEFORE, REGISTRY)
    with pytest.raises(FetalFlexError, match="200 x 120 and 201 x 120 px"):
        draw_change_mask(BEFORE, replace(BEFORE, width=201), REGISTRY)
