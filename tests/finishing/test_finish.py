from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from fetalflex.finishing import Finishing
from fetalflex.finishing.finish import finish, suitable_feather
from fetalflex.finishing.pasting import paste
from fetalflex.finishing.texture import amplitude

FINISHINGS = st.builds(Finishing, *[st.booleans()] * 3, feather=st.none() | st.integers(0, 9))


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
    finished = finish(synthesis, source, region, finishing, 0).image
    assert finished.dtype == np.uint8
    assert np.array_equal(finished[~region], source[~region])


def test_off_is_the_plain_paste() -> None:
    synthesis, source, region = scene(0)
    assert np.array_equal(
        finish(synthesis, source, region, Finishing.off(), 0).image, np.where(region, synthesis, source)
    )
    soft = finish(synthesis, source, region, Finishing.chosen(False, feather=5), 0).image
    assert np.array_equal(soft, paste(synthesis, source, region, 5))


def test_the_rim_vanishes() -> None:
    synthesis, source, region = scene(0)
    within = step_across(source, region)
    assert step_across(np.where(region, synthesis, source), region) > 1.7 * within
    for finishing in (Finishing(texture=False), Finishing(texture=False, feather=0)):
        finished = finish(synthesis, source, region, finishing, 0)
        assert step_across(finished.image, region) < 1.35 * within


def test_without_feather_the_source_inside_the_region_is_not_used() -> None:
    synthesis, source, region = scene(0)
    blanked = np.where(region, 0, source).astype(np.uint8)
    finishing = Finishing(feather=0)
    first, second = (finish(synthesis, it, region, finishing, 0).image for it in (source, blanked))
    assert np.array_equal(first, second)


def test_the_width_of_the_feather_suits_the_region_and_is_told() -> None:
    assert [suitable_feather(depth) for depth in (3, 100, 1000)] == [3, 6, 16]
    synthesis, source, region = scene(0)
    assert finish(synthesis, source, region, Finishing(), 0).record["feather"] == 3
    assert finish(synthesis, source, region, Finishing.chosen(False, feather=7), 0).record == {
        "membrane": False, "tone": False, "texture": False, "feather": 7,
    }  # fmt: skip


def test_where_all_is_synthetic_nothing_is_fitted() -> None:
    synthesis, source, region = scene(0)
    finished = finish(synthesis, source, np.ones_like(region), Finishing(), 0)
    assert np.array_equal(finished.image, synthesis)
    assert finished.record == Finishing.off().record()


def scan(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a smooth synthesis, a source with grain whose strength follows the grey, and a region."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:200, :240]
    smooth = 60 + 20 * np.sin(x / 40) + 15 * np.cos(y / 30)
    grain = ndimage.gaussian_filter(rng.normal(size=smooth.shape), (1, 2))
    grained = smooth + grain / grain.std() * 0.25 * amplitude(smooth)
    region = np.hypot((y - 100) / 200, (x - 120) / 240) < 0.3
    return *(np.clip(it, 0, 255).astype(np.uint8) for it in (smooth, grained)), region


def power(image: np.ndarray) -> np.ndarray:
    """Return the power of the middle 64 x 64 pixels in five bands of spatial frequency."""
    middle = image[68:132, 88:152].astype(float)
    window = np.outer(np.hanning(64), np.hanning(64))
    spectrum = np.abs(np.fft.fft2((middle - middle.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
    edges = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]
    return np.array([spectrum[(radius >= a) & (radius < b)].mean() for a, b in itertools.pairwise(edges)])


def test_the_completed_texture_has_the_spectrum_of_the_known_tissue() -> None:
    off = []
    for seed in range(4):
        synthesis, source, region = scan(seed)
        finished = finish(synthesis, source, region, Finishing(tone=False), seed)
        off.append(10 * np.log10(power(finished.image) / power(source)))
        assert finished.record["texture"] == pytest.approx(0.25, abs=0.03)
        plain = finish(synthesis, source, region, Finishing(tone=False, texture=False), seed)
        assert (10 * np.log10(power(plain.image) / power(source))[1:4] < -10).all()
    assert np.abs(np.mean(off, axis=0)).max() < 2


def test_the_seed_alone_draws_the_texture() -> None:
    synthesis, source, region = scan(0)
    first, again, other = (finish(synthesis, source, region, Finishing(), seed).image for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert (first[region] != other[region]).mean() > 0.5


def test_rounding_of_the_synthesis_changes_the_image_by_little_more() -> None:
    synthesis, source, region = scan(0)
    rounded = synthesis + (np.random.default_rng(0).random(synthesis.shape) < 0.05).astype(np.uint8)
    first, second = (finish(it, source, region, Finishing(), 3).image.astype(int) for it in (synthesis, rounded))
    assert np.abs(first - second).max() <= 3


def test_alike_is_finished_alike() -> None:
    synthesis, source, region = scan(0)
    organ = np.zeros_like(region)
    organ[90:110, 110:130] = True
    other = np.where(organ, 20, synthesis).astype(np.uint8)
    first = finish(synthesis, source, region, Finishing(), 3)
    second = finish(other, source, region, Finishing(), 3, like=first.fit)
    apart = ~ndimage.binary_dilation(organ, iterations=20)
    assert np.abs(first.image.astype(int) - second.image)[apart].max() <= 1


def test_fluid_and_black_get_no_grain() -> None:
    synthesis, source, region = scan(0)
    synthesis[80:120, 100:140] = 0
    finished = finish(synthesis, source, region, Finishing(), 0).image
    assert finished[92:108, 112:128].max() <= 2


def test_the_mean_of_a_large_region_follows_the_tissue_round_it() -> None:
    synthesis, source, region = scan(0)
    darker = np.where(ndimage.binary_erosion(region, iterations=25), synthesis // 2, synthesis).astype(np.uint8)
    off = [
        abs(finish(darker, source, region, Finishing(tone=tone), 0).image[region].mean() - source[region].mean())
        for tone in (False, True)
    ]
    assert off[1] < 0.6 * off[0]


def test_where_little_tissue_is_known_there_is_no_texture() -> None:
    synthesis, source, region = scan(0)
    source[~region] = 0
    record = finish(synthesis, source, region, Finishing(), 0).record
    assert record["texture"] is False
    assert record["tone"] == 1
