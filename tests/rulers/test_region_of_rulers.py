from __future__ import annotations

import math

import pytest
from rulers_helpers import box, ellipse, noise

from fetalflex.rulers import RULER_NAMES, ruler_values


def test_all_rulers_are_told_by_name() -> None:
    found = ruler_values(noise(), noise(1), ellipse())
    assert tuple(found) == RULER_NAMES
    assert all(math.isfinite(value) for value in found.values())


def test_equal_images_differ_in_nothing() -> None:
    found = ruler_values(noise(), noise(), ellipse())
    for name, value in found.items():
        if f"real_{name}" in found:
            assert value == found[f"real_{name}"]
        elif not name.startswith("real_"):
            assert value == pytest.approx(0), name


def test_a_small_region_tells_what_it_can() -> None:
    found = ruler_values(noise(), noise(1), box(slice(50, 70), slice(50, 70)))
    assert math.isnan(found["texture"])
    assert math.isfinite(found["contrast"])
    assert math.isfinite(found["seam_step"])
