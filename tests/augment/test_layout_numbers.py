from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from augment_helpers import ABDOMEN

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.anatomy.box_pixels import inside_ellipse
from fetalflex.augment.checking import ignored_structure, layout_numbers

REGISTRY = default_registry()
BARE = ABDOMEN.with_structures(item for item in ABDOMEN.structures if item.name != "stomach")
HEAD = Layout("thalamic_transverse", 96, 80, (PlacedStructure("skull", Box(48, 40, 60, 46)),))


def abdomen(with_stomach: bool) -> np.ndarray:
    grey = np.random.default_rng(0).normal(110, 8, (80, 96))
    if with_stomach:
        grey[inside_ellipse(ABDOMEN.find("stomach")[0].box, grey.shape)] = 10
    return grey.astype(np.uint8)


def head(box: Box) -> np.ndarray:
    grey = np.full((80, 96), 60.0)
    ring = inside_ellipse(box, grey.shape) & ~inside_ellipse(box.scaled(0.93), grey.shape)
    grey[ring] = 230
    return grey.astype(np.uint8)


@pytest.mark.parametrize(
    ("with_stomach", "before", "after", "ignored"),
    [
        (True, ABDOMEN, ABDOMEN, None),
        (False, ABDOMEN, ABDOMEN, "stomach"),
        (True, ABDOMEN, BARE, "stomach"),
        (False, ABDOMEN, BARE, None),
        (False, BARE, ABDOMEN, "stomach"),
        (True, BARE, BARE, None),
    ],
)
def test_a_stomach_is_looked_for_where_the_layout_has_or_had_it(
    with_stomach: bool, before: Layout, after: Layout, ignored: str | None
) -> None:
    assert ignored_structure(layout_numbers(abdomen(with_stomach), before, after, REGISTRY)) == ignored


def test_a_skull_is_looked_for_where_the_layout_has_it_now() -> None:
    small = HEAD.with_structures([PlacedStructure("skull", HEAD.structures[0].box.scaled(0.8))])
    shown = head(small.structures[0].box)
    assert ignored_structure(layout_numbers(shown, HEAD, small, REGISTRY)) is None
    assert ignored_structure(layout_numbers(shown, small, HEAD, REGISTRY)) == "skull"


def test_what_cannot_be_told_is_not_held_against_the_image() -> None:
    cut = replace(HEAD, structures=(PlacedStructure("skull", Box(0, 0, 90, 70)),))
    numbers = layout_numbers(head(Box(48, 40, 20, 20)), HEAD, cut, REGISTRY)
    assert numbers == {}
    assert ignored_structure(numbers) is None
