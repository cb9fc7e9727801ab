from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rulers_helpers import SHAPE, box, ellipse, noise
from skimage.segmentation import find_boundaries

from fetalflex.rulers.seam import _next_to_rim, broad_rim_step, rim_step, seam


def test_an_image_has_the_seam_of_itself() -> None:
    found = seam(noise(), noise(), ellipse())
    assert found.ratio == 1
    assert found.broad_step == found.real_broad_step


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 120), st.floats(0.1, 1.3))
def test_a_pasted_offset_on_even_grey_is_the_step(offset: float, share: float) -> None:
    region = ellipse(share=share)
    image = np.where(region, 100 + offset, 100.0)
    assert rim_step(image, region) == pytest.approx(offset, abs=1e-9)
    assert broad_rim_step(image, region) == pytest.approx(offset, abs=1e-9)


def test_steps_are_those_of_pairs_taken_one_by_one() -> None:
    image, region = noise(2, (30, 40)), np.random.default_rng(4).random((30, 40)) > 0.6
    steps = []
    for row, column in np.argwhere(region):
        for other in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
            if 0 <= other[0] < 30 and 0 <= other[1] < 40 and not region[other]:
                steps.append(abs(image[row, column] - image[other]))
    assert rim_step(image, region) == pytest.approx(np.mean(steps))


def test_the_rim_is_that_of_scikit_image() -> None:
    for region in (ellipse(), box(slice(0, 20), slice(5, 60)), np.random.default_rng(0).random(SHAPE) > 0.5):
        np.testing.assert_array_equal(_next_to_rim(region), find_boundaries(region, connectivity=1, mode="thick"))


def test_where_the_region_ends_at_the_images_border_there_is_no_rim() -> None:
    image = np.zeros(SHAPE)
    region = box(slice(0, 40), slice(0, SHAPE[1]))
    image[region] = 10
    image[0] = 200
    assert rim_step(image, region) == 10
    assert math.isnan(rim_step(image, np.ones(SHAPE, np.bool_)))
    assert math.isnan(broad_rim_step(image, np.ones(SHAPE, np.bool_)))
    assert math.isnan(seam(image, image, np.ones(SHAPE, np.bool_)).ratio)


def test_greys_far_from_the_rim_do_not_count() -> None:
    region, image = box(slice(40, 110), slice(40, 130)), noise()
    far = image.copy()
    far[60:90, 60:110] = 0
    far[:20] = 255
    assert rim_step(far, region) == rim_step(image, region)
    assert broad_rim_step(far, region) == pytest.approx(broad_rim_step(image, region))


def test_speckle_makes_steps_but_hardly_broad_ones() -> None:
    assert rim_step(noise(), ellipse()) == pytest.approx(20 * 2 / math.sqrt(math.pi), rel=0.1)
    assert broad_rim_step(noise(), ellipse()) < 8


def test_an_offset_on_speckle_shows_in_the_broad_step() -> None:
    region, real = ellipse(), noise()
    found = seam(real, real + 30 * region, region)
    assert found.broad_step == pytest.approx(30, abs=2)
    assert found.ratio > 1.3


def test_whole_levels_do_not_overflow() -> None:
    region = ellipse()
    image = np.where(region, 3, 250).astype(np.uint8)
    assert rim_step(image, region) == 247
