from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.training.exchange import draw_exchange, exchange_contents, exchange_names

REGISTRY = default_registry()
ABDOMEN = PlacedStructure("abdomen", Box(60, 50, 100, 90))
STOMACH, SPINE = PlacedStructure("stomach", Box(40, 40, 20, 16)), PlacedStructure("spine", Box(80, 60, 14, 20))
LAYOUT = Layout("abdominal_transverse", 120, 100, (ABDOMEN, STOMACH, SPINE))
PAIR = ((1, 2),)


def picture() -> np.ndarray:
    """A grey body with a dark stomach and a bright spine, each a little larger than its box."""
    image = np.full((100, 120), 100, np.uint8)
    for structure, grey in ((STOMACH, 10), (SPINE, 240)):
        x0, y0, x1, y1 = (round(side) for side in structure.box.resized(28, 28).corners())
        image[y0:y1, x0:x1] = grey
    return image


def inside(box: Box) -> tuple[slice, slice]:
    x0, y0, x1, y1 = (round(side) for side in box.corners())
    return slice(y0 + 1, y1 - 1), slice(x0 + 1, x1 - 1)


def test_contents_change_places_with_their_names() -> None:
    exchanged, layout = exchange_contents(picture(), LAYOUT, PAIR), exchange_names(LAYOUT, PAIR)
    assert layout.structures[0] == ABDOMEN
    assert layout.structures[1] == PlacedStructure("spine", STOMACH.box)
    assert layout.structures[2] == PlacedStructure("stomach", SPINE.box)
    assert (exchanged[inside(STOMACH.box)] == 240).all()
    assert (exchanged[inside(SPINE.box)] == 10).all()


def test_far_from_the_boxes_nothing_changes() -> None:
    changed = exchange_contents(picture(), LAYOUT, PAIR) != picture()
    near = np.zeros_like(changed)
    for box in (STOMACH.box, SPINE.box):
        x0, y0, x1, y1 = (round(side) for side in box.resized(1.5 * box.width, 1.5 * box.height).corners())
        near[y0:y1, x0:x1] = True
    assert not changed[~near].any()


def test_edges_are_blended() -> None:
    row = exchange_contents(picture(), LAYOUT, PAIR)[40].astype(int)
    assert np.abs(np.diff(row)).max() < 240 - 10


def test_without_pairs_all_stays() -> None:
    assert np.array_equal(exchange_contents(picture(), LAYOUT, ()), picture())
    assert exchange_names(LAYOUT, ()) == LAYOUT


@pytest.mark.parametrize(
    ("structures", "why"),
    [
        ((ABDOMEN, STOMACH), "the outline is never exchanged"),
        ((STOMACH, PlacedStructure("stomach", SPINE.box)), "the names are the same"),
        ((STOMACH, PlacedStructure("spine", Box(42, 41, 14, 20))), "the boxes overlap"),
        ((STOMACH, PlacedStructure("spine", Box(80, 60, 2, 2))), "one is far too small"),
        ((STOMACH, PlacedStructure("spine", Box(119, 60, 14, 20))), "one sticks out of the image"),
        ((STOMACH, PlacedStructure("spine", Box(80, 60, 14, 20, 30))), "one is turned"),
    ],
)
def test_what_cannot_be_exchanged_is_not(structures: tuple[PlacedStructure, ...], why: str) -> None:
    layout = LAYOUT.with_structures(structures)
    assert draw_exchange(layout, REGISTRY, np.random.default_rng(0)) == (), why


@given(st.integers(0, 2**32))
def test_a_structure_is_in_one_pair_at_most(seed: int) -> None:
    names = ("stomach", "spine", "umbilical_vein", "gallbladder", "bladder")
    places = [PlacedStructure(name, Box(15 + 22 * i, 40, 12, 12)) for i, name in enumerate(names)]
    pairs = draw_exchange(LAYOUT.with_structures([ABDOMEN, *places]), REGISTRY, np.random.default_rng(seed))
    used = [index for pair in pairs for index in pair]
    assert 1 <= len(pairs) <= 2
    assert len(used) == len(set(used))
    assert 0 not in used


def test_exchanging_twice_gives_the_names_back() -> None:
    assert exchange_names(exchange_names(LAYOUT, PAIR), PAIR) == LAYOUT
