from __future__ import annotations

from dataclasses import replace

import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, changed_structures
from fetalflex.anatomy.changed import check_same_image
from fetalflex.errors import FetalFlexError

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


def test_what_rounding_moves_has_not_changed() -> None:
    nearly = PlacedStructure("stomach", Box(80 + 1e-9, 50, 20, 10 - 1e-9))
    assert changed_structures(BEFORE, BEFORE.with_structures((ABDOMEN, nearly))) == ()
    renamed = PlacedStructure("liver", STOMACH.box)
    assert changed_structures(BEFORE, BEFORE.with_structures((ABDOMEN, renamed))) == (STOMACH, renamed)


def test_layouts_of_two_images_are_refused() -> None:
    check_same_image(BEFORE, BEFORE.with_structures(()))
    with pytest.raises(FetalFlexError, match="200 x 120 and 201 x 120 px; give two layouts of one image"):
        check_same_image(BEFORE, replace(BEFORE, width=201))
