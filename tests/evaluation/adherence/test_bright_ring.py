from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation_helpers import SKULL, head
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import Box
from fetalflex.evaluation.adherence.bright_ring import PRESENT, ring_contrast


@settings(max_examples=20)
@given(st.floats(0.97, 1.03), st.floats(-90, 89), st.integers(0, 100))
def test_a_ring_is_found_though_the_box_is_a_little_off(factor: float, angle: float, seed: int) -> None:
    box = Box(80, 80, 100, 80, angle)
    assert ring_contrast(head(box, seed=seed), box.scaled(factor)) > 2 * PRESENT


@pytest.mark.parametrize(
    "box",
    [SKULL.scaled(1.2), SKULL.scaled(0.8), SKULL.translated(20, 0), SKULL.translated(0, 20), SKULL.rotated(60)],
)
def test_a_ring_elsewhere_is_not_found(box: Box) -> None:
    image = head(SKULL)
    assert ring_contrast(image, box) < PRESENT < ring_contrast(image, SKULL)


def test_an_image_without_a_ring_has_no_contrast() -> None:
    assert abs(ring_contrast(head(), SKULL)) < 0.05
    assert ring_contrast(np.zeros((50, 60), np.uint8), Box(30, 25, 40, 30)) == 0.0


def test_a_dark_ring_has_negative_contrast() -> None:
    assert ring_contrast(255 - head(SKULL), SKULL) < 0.02


def test_a_ring_that_is_partly_outside_is_judged_by_what_is_seen() -> None:
    box = Box(40, 80, 110, 80)
    assert ring_contrast(head(box), box) > 2 * PRESENT


def test_of_a_ring_mostly_outside_nothing_can_be_told() -> None:
    box = Box(0, 80, 110, 80).translated(-10, 0)
    assert math.isnan(ring_contrast(head(box), box))
