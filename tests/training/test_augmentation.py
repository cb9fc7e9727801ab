from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Canvas, Layout, PlacedStructure, default_registry, draw_layout_map
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.config import AugmentationConfig

SIZE = 128
AUGMENTATIONS = st.builds(
    Augmentation,
    flip=st.booleans(),
    rotation=st.floats(-180, 180),
    zoom=st.floats(0.6, 1.6),
    shift_x=st.floats(-20, 20),
    shift_y=st.floats(-20, 20),
    gamma=st.floats(0.8, 1.25),
)


def marked(layout: Layout) -> np.ndarray:
    """Return the image in which the layout's only box is white."""
    return draw_layout_map(layout, default_registry()).any(axis=2).astype(np.uint8) * 255


def layout_of(box: Box, width: int, height: int, spacing: float | None = None) -> Layout:
    return Layout("thalamic_transverse", width, height, (PlacedStructure("thalami", box),), spacing)


@given(
    AUGMENTATIONS,
    st.integers(90, 300),
    st.integers(90, 300),
    st.tuples(st.floats(0.35, 0.65), st.floats(0.35, 0.65), st.floats(0.35, 0.6), st.floats(0.35, 0.6)),
    st.floats(-90, 89),
)
def test_boxes_move_with_their_pixels(
    change: Augmentation, width: int, height: int, place: tuple[float, float, float, float], angle: float
) -> None:
    side = min(width, height)
    layout = layout_of(Box(place[0] * width, place[1] * height, place[2] * side, place[3] * side, angle), width, height)
    assume(layout.structures[0].box.inside_fraction(width, height) == 1)
    after = change.apply_to_layout(layout, SIZE)
    assume(after.structures)
    seen = change.apply_to_image(marked(layout), SIZE) > 127
    box, (rows, columns) = after.structures[0].box, np.ogrid[:SIZE, :SIZE]
    along, across = box.local(columns + 0.5, rows + 0.5)
    beyond = np.maximum(np.abs(along) - box.width / 2, np.abs(across) - box.height / 2)
    enlarged = max(1.0, change.zoom * SIZE / max(width, height))  # pixels per pixel of the image, which has stairs
    wrong = seen != (beyond < 0)
    assert np.abs(beyond[wrong]).max(initial=0) < 0.75 * enlarged


@given(st.integers(20, 300), st.integers(20, 300), st.integers(0, 2**32))
def test_the_identity_is_the_canvas(width: int, height: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    layout = layout_of(Box(width / 2, height / 3, width / 4, height / 5, 30), width, height, 0.3)
    canvas = Canvas(width, height, SIZE)
    assert np.array_equal(Augmentation().apply_to_image(image, SIZE), canvas.image_to_canvas(image))
    assert Augmentation().apply_to_layout(layout, SIZE) == canvas.layout_to_canvas(layout)


def test_a_flip_mirrors_pixels_and_boxes() -> None:
    image = np.zeros((SIZE, SIZE), np.uint8)
    image[:, : SIZE // 2] = 200
    flipped = Augmentation(flip=True).apply_to_image(image, SIZE)
    assert np.array_equal(flipped, image[:, ::-1])
    layout = Augmentation(flip=True).apply_to_layout(layout_of(Box(20, 50, 10, 10), SIZE, SIZE), SIZE)
    assert layout.structures[0].box.cx == SIZE - 20


def test_gamma_changes_grey_values_by_the_power_law_and_no_box() -> None:
    image = np.arange(SIZE * SIZE, dtype=np.uint32).reshape(SIZE, SIZE).astype(np.uint8)
    change = Augmentation(gamma=1.2)
    expected = np.rint((image / 255) ** 1.2 * 255)
    assert np.abs(change.apply_to_image(image, SIZE) - expected)[2:-2, 2:-2].max() <= 1
    layout = layout_of(Box(20, 50, 10, 10), SIZE, SIZE)
    assert change.apply_to_layout(layout, SIZE) == Augmentation().apply_to_layout(layout, SIZE)


def test_boxes_and_pixels_agree_to_half_a_pixel_also_where_the_letterbox_is_odd() -> None:
    layout = layout_of(Box(54, 60.5, 30, 30), 108, 121)
    for change in (Augmentation(zoom=1.5), Augmentation(flip=True), Augmentation(zoom=0.7, flip=True, rotation=1e-9)):
        columns = (change.apply_to_image(marked(layout), SIZE) > 127).any(axis=0).nonzero()[0]
        x0, _, x1, _ = change.apply_to_layout(layout, SIZE).structures[0].box.corners()
        assert (columns[0] + columns[-1] + 1) / 2 == pytest.approx((x0 + x1) / 2, abs=0.5)


def test_zooming_changes_the_pixel_spacing() -> None:
    layout = layout_of(Box(100, 100, 40, 40), 2 * SIZE, 2 * SIZE, spacing=0.1)
    assert Augmentation(zoom=1.25).apply_to_layout(layout, SIZE).pixel_spacing_mm == pytest.approx(0.2 / 1.25)


def test_a_box_that_leaves_the_canvas_is_dropped() -> None:
    layout = layout_of(Box(10, 64, 16, 16), SIZE, SIZE)
    assert Augmentation(shift_x=-8).apply_to_layout(layout, SIZE).structures
    assert not Augmentation(shift_x=-16).apply_to_layout(layout, SIZE).structures
    assert not Augmentation(shift_x=-60).apply_to_layout(layout, SIZE).structures


@given(AUGMENTATIONS)
def test_what_the_image_does_not_reach_is_black(change: Augmentation) -> None:
    white = np.full((SIZE, SIZE), 255, np.uint8)
    after = dataclasses.replace(change, shift_x=100.0, rotation=0.0).apply_to_image(white, SIZE)
    left = int(SIZE / 2 + 100 - SIZE * change.zoom / 2) - 3
    assert not after[:, : max(0, left)].any()


@given(st.integers(0, 2**32), st.booleans())
def test_parameters_are_drawn_from_their_ranges(seed: int, wide: bool) -> None:
    config = AugmentationConfig(zoom=(0.5, 2.0), rotation=90, shift=0.25) if wide else AugmentationConfig()
    change = Augmentation.draw(config, SIZE, np.random.default_rng(seed))
    assert abs(change.rotation) <= config.rotation
    assert config.zoom[0] <= change.zoom <= config.zoom[1]
    assert max(abs(change.shift_x), abs(change.shift_y)) <= config.shift * SIZE
    assert config.gamma[0] - 1e-9 <= change.gamma <= config.gamma[1] + 1e-9
    assert change == Augmentation.draw(config, SIZE, np.random.default_rng(seed))


def test_without_any_range_the_draw_is_the_identity() -> None:
    config = AugmentationConfig(flip=0, rotation=0, zoom=(1, 1), shift=0, gamma=(1, 1))
    assert Augmentation.draw(config, SIZE, np.random.default_rng(0)) == Augmentation()
