from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, CloseUp, Layout, PlacedStructure, default_registry
from fetalflex.anatomy.close_up import LEAST_INSIDE, region_of
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()
ABDOMEN = PlacedStructure("abdomen", Box.from_corners(100, 60, 180, 120))
STOMACH = PlacedStructure("stomach", Box.from_corners(120, 80, 140, 100))
FAR = PlacedStructure("spine", Box.from_corners(300, 180, 320, 200))
LAYOUT = Layout("abdominal_transverse", 400, 240, (ABDOMEN, STOMACH, FAR), 0.5)


def test_the_square_is_centred_on_the_region_and_as_wide_as_the_context_says() -> None:
    assert CloseUp.around(ABDOMEN.box, LAYOUT, context=1.5) == CloseUp(80, 30, 120, 120)
    assert CloseUp.around(ABDOMEN.box, LAYOUT, 1.5, (0.5, -0.5)) == CloseUp(60, 60, 120, 120)


def test_the_square_moves_into_the_image_and_is_cut_at_its_sides() -> None:
    corner = Box.from_corners(0, 0, 100, 100)
    assert CloseUp.around(corner, LAYOUT, 1.5) == CloseUp(0, 0, 150, 150)
    assert CloseUp.around(Box.from_corners(0, 0, 200, 200), LAYOUT, 1.5) == CloseUp(0, 0, 300, 240)
    assert CloseUp.around(Box.from_corners(0, 0, 400, 240), LAYOUT, 2.0) == CloseUp.whole(LAYOUT)


def test_what_is_tiny_is_not_enlarged_without_end() -> None:
    assert CloseUp.around(Box.from_corners(200, 100, 202, 102), LAYOUT).width == 100


@given(
    st.tuples(st.floats(-50, 450), st.floats(-50, 290), st.floats(1, 500), st.floats(1, 500)),
    st.floats(1, 3),
    st.floats(-0.5, 0.5),
    st.floats(-0.5, 0.5),
)
def test_a_close_up_always_lies_in_the_image(
    box: tuple[float, float, float, float], context: float, right: float, down: float
) -> None:
    part = CloseUp.around(Box.from_xywh(*box), LAYOUT, context, (right, down))
    assert 0 <= part.x <= part.x + part.width <= LAYOUT.width
    assert 0 <= part.y <= part.y + part.height <= LAYOUT.height
    assert part.width >= 1
    assert part.height >= 1


@given(st.floats(60, 300), st.floats(40, 160), st.floats(10, 60), st.floats(10, 60), st.floats(1.05, 2.5))
def test_a_region_that_lies_in_the_image_lies_in_its_close_up(
    x: float, y: float, width: float, height: float, context: float
) -> None:
    part = CloseUp.around(Box.from_xywh(x, y, width, height), LAYOUT, context)
    assert part.x <= x + 1
    assert x + width <= part.x + part.width + 1
    assert part.y <= y + 1
    assert y + height <= part.y + part.height + 1


def test_layout_and_image_are_cut_alike_and_boxes_outside_are_left_out() -> None:
    part = CloseUp(80, 30, 120, 120)
    layout = part.layout(LAYOUT)
    assert (layout.width, layout.height, layout.pixel_spacing_mm) == (120, 120, 0.5)
    assert layout.names() == ("abdomen", "stomach")
    assert layout.find("stomach")[0].box == Box.from_corners(40, 50, 60, 70)
    image = np.arange(240 * 400).reshape(240, 400)
    assert np.array_equal(part.image(image), image[30:150, 80:200])


@pytest.mark.parametrize(("inside", "kept"), [(LEAST_INSIDE + 0.05, True), (LEAST_INSIDE - 0.05, False)])
def test_a_box_cut_by_the_side_stays_if_enough_of_it_is_seen(inside: float, kept: bool) -> None:
    spine = PlacedStructure("spine", Box.from_xywh(200 - 20 * inside, 60, 20, 20))
    layout = CloseUp(80, 30, 120, 120).layout(LAYOUT.with_structures((ABDOMEN, spine)))
    assert ("spine" in layout.names()) is kept


def test_the_whole_image_keeps_every_box_and_a_close_up_those_that_the_images_border_cuts() -> None:
    cut = PlacedStructure("spine", Box.from_xywh(-15, 80, 20, 20))
    layout = LAYOUT.with_structures((STOMACH, cut))
    assert CloseUp.whole(layout).layout(layout) == layout
    assert CloseUp(0, 30, 200, 200).layout(layout).names() == ("spine", "stomach")
    assert CloseUp(10, 30, 200, 200).layout(layout).names() == ("stomach",)


def test_putting_back_changes_the_part_alone() -> None:
    part, image = CloseUp(80, 30, 120, 110), np.random.default_rng(0).integers(0, 256, (240, 400), np.uint8)
    assert np.array_equal(part.put_back(part.image(image), image), image)
    changed = part.put_back(np.zeros((110, 120), np.uint8), image)
    inside = np.zeros(image.shape, bool)
    inside[30:140, 80:200] = True
    assert np.array_equal(changed, np.where(inside, 0, image))
    with pytest.raises(FetalFlexError, match=r"shape \(110, 120\), got \(120, 110\)"):
        part.put_back(np.zeros((120, 110), np.uint8), image)


def test_the_region_is_the_outline_and_the_roi() -> None:
    assert region_of(LAYOUT, REGISTRY) == ABDOMEN.box
    roi = np.zeros((240, 400), bool)
    roi[100:200, 150:160] = True
    assert region_of(LAYOUT, REGISTRY, roi) == Box.from_corners(100, 60, 180, 200)
    assert region_of(LAYOUT, REGISTRY, np.zeros((240, 400), bool)) == ABDOMEN.box


def test_without_outline_the_region_is_all_structures() -> None:
    layout = LAYOUT.with_structures((STOMACH, FAR))
    assert region_of(layout, REGISTRY) == Box.from_corners(120, 80, 320, 200)
    assert region_of(LAYOUT.with_structures(()), REGISTRY) is None


def test_one_close_up_shows_what_all_layouts_show_and_the_roi() -> None:
    moved = LAYOUT.with_structures((PlacedStructure("abdomen", Box.from_corners(140, 100, 220, 160)),))
    roi = np.zeros((240, 400), bool)
    roi[50, 150] = True
    together = CloseUp.around_all([LAYOUT, moved], REGISTRY, roi)
    assert together == CloseUp.around(Box.from_corners(100, 50, 220, 160), LAYOUT)
    assert together == CloseUp.around_all([moved, LAYOUT], REGISTRY, roi)
    assert CloseUp.around_all([LAYOUT], REGISTRY) == CloseUp.around(ABDOMEN.box, LAYOUT)


def test_where_there_is_nothing_or_everything_to_show_it_is_the_whole_image() -> None:
    assert CloseUp.around_all([LAYOUT], REGISTRY, np.ones((240, 400), bool)) == CloseUp.whole(LAYOUT)
    assert CloseUp.around_all([LAYOUT.with_structures(())], REGISTRY) == CloseUp.whole(LAYOUT)


def test_a_close_up_knows_what_it_holds_and_whether_it_lies_in_an_image() -> None:
    part, mask = CloseUp(80, 30, 120, 110), np.zeros((240, 400), bool)
    assert part.holds(mask)
    mask[30, 80] = mask[139, 199] = True
    assert part.holds(mask)
    mask[140, 199] = True
    assert not part.holds(mask)
    assert part.lies_in(LAYOUT)
    others = (CloseUp(-1, 0, 9, 9), CloseUp(0, 0, 9, 0), CloseUp(392, 0, 9, 9), CloseUp(0, 232, 9, 9))
    assert not any(other.lies_in(LAYOUT) for other in others)
