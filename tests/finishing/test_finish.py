from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.finishing import Finishing
from fetalflex.finishing.finish import finish, suitable_feather
from fetalflex.pasting import paste

FINISHINGS = st.builds(Finishing, membrane=st.booleans(), feather=st.none() | st.integers(0, 9))


def scene(seed: int, height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a synthesis, a source that is 30 brighter at the left and as bright at the right, and a region."""
    rng = np.random.default_rng(seed)
    synthesis = rng.normal(90, 5, (height, width))
    source = rng.normal(90, 5, (height, width)) + np.linspace(30, 0, width)
    y, x = np.mgrid[:height, :width]
    region = np.hypot((y - height / 2) / height, (x - width / 2) / width) < 0.35
    return *(np.clip(it, 0, 255).astype(np.uint8) for it in (synthesis, source)), region


def step_across(image: np.ndarray, region: np.ndarray) -> float:
    across = region[:, 1:] != region[:, :-1]
    return float(np.abs(np.diff(image.astype(float), axis=1))[across].mean())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.floats(0.02, 1), FINISHINGS)
def test_outside_the_region_nothing_changes(seed: int, share: float, finishing: Finishing) -> None:
    rng = np.random.default_rng(seed)
    synthesis, source = rng.integers(0, 256, (2, 30, 41), dtype=np.uint8)
    region = rng.random((30, 41)) < share
    finished = finish(synthesis, source, region, finishing).image
    assert finished.dtype == np.uint8
    assert np.array_equal(finished[~region], source[~region])


def test_off_is_the_plain_paste() -> None:
    synthesis, source, region = scene(0)
    assert np.array_equal(finish(synthesis, source, region, Finishing.off()).image, np.where(region, synthesis, source))
    soft = finish(synthesis, source, region, Finishing.chosen(False, feather=5)).image
    assert np.array_equal(soft, paste(synthesis, source, region, 5))


def test_the_rim_vanishes() -> None:
    synthesis, source, region = scene(0)
    within = step_across(source, region)
    assert step_across(np.where(region, synthesis, source), region) > 1.7 * within
    for finishing in (Finishing(), Finishing(feather=0)):
        finished = finish(synthesis, source, region, finishing)
        assert step_across(finished.image, region) < 1.35 * within


def test_without_feather_the_source_inside_the_region_is_not_used() -> None:
    synthesis, source, region = scene(0)
    blanked = np.where(region, 0, source).astype(np.uint8)
    finishing = Finishing(feather=0)
    first, second = (finish(synthesis, it, region, finishing).image for it in (source, blanked))
    assert np.array_equal(first, second)


def test_the_width_of_the_feather_suits_the_region_and_is_told() -> None:
    assert [suitable_feather(depth) for depth in (3, 100, 1000)] == [2, 5, 16]
    synthesis, source, region = scene(0)
    assert finish(synthesis, source, region, Finishing()).record == {"membrane": True, "feather": 2}
    assert finish(synthesis, source, region, Finishing(False, 7)).record == {"membrane": False, "feather": 7}


def test_where_all_is_synthetic_nothing_is_fitted() -> None:
    synthesis, source, region = scene(0)
    finished = finish(synthesis, source, np.ones_like(region), Finishing())
    assert np.array_equal(finished.image, synthesis)
    assert finished.record == Finishing.off().record()


@pytest.mark.parametrize("seed", range(3))
def test_the_same_values_give_the_same_image(seed: int) -> None:
    synthesis, source, region = scene(seed)
    first, second = (finish(synthesis, source, region, Finishing()).image for _ in range(2))
    assert np.array_equal(first, second)
