from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rulers_helpers import SHAPE, box, ellipse, noise
from scipy import ndimage, signal
from skimage.util import view_as_windows

from fetalflex.errors import FetalFlexError
from fetalflex.rulers.texture import (
    BANDS,
    PATCH_SIDES,
    SUMMARY_BAND,
    Patches,
    band_powers,
    local_contrast,
    patches_in,
    texture,
)


def test_an_image_has_the_texture_of_itself() -> None:
    found = texture(noise(), noise(), ellipse())
    assert found.bands == (0.0,) * len(BANDS)
    assert found.summary == 0
    assert found.contrast_ratio == 1
    assert found.patch_side == 48


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.3, 1.2))
def test_nothing_outside_the_region_counts(seed: int, share: float) -> None:
    region = ellipse(share=share)
    real, synthetic = (np.where(region, noise(inside), noise(seed + inside)) for inside in (1, 2))
    assert texture(real, synthetic, region) == texture(noise(1), np.where(region, noise(2), 255), region)


@settings(max_examples=20, deadline=None)
@given(st.floats(-100, 100))
def test_brightness_is_no_texture(offset: float) -> None:
    found = texture(noise(), noise() + offset, ellipse())
    assert found.bands == pytest.approx((0.0,) * len(BANDS), abs=1e-9)
    assert found.contrast_ratio == pytest.approx(1, abs=1e-6)


def test_twice_the_amplitude_is_six_decibels() -> None:
    found = texture(noise(), 120 + 2 * (noise() - 120), ellipse())
    assert found.bands == pytest.approx((20 * math.log10(2),) * len(BANDS))
    assert found.contrast_ratio == pytest.approx(2)


def test_the_more_blur_the_less_power_in_every_band_and_the_less_contrast() -> None:
    real = noise(shape=(220, 220))
    region = ellipse((220, 220))
    found = [texture(real, ndimage.gaussian_filter(real, sigma), region) for sigma in (0.5, 0.8, 1.2, 2.0)]
    for less, more in pairwise(found):
        assert all(one > other for one, other in zip(less.bands, more.bands, strict=True))
        assert less.summary > more.summary
        assert less.contrast_ratio > more.contrast_ratio


def test_a_blur_takes_what_its_transfer_function_says() -> None:
    real = noise(shape=(400, 400))
    found = texture(real, ndimage.gaussian_filter(real, 0.7), np.ones((400, 400), np.bool_))
    impulse = np.zeros((400, 400))
    impulse[200, 200] = 1
    transfer = np.abs(np.fft.fft2(ndimage.gaussian_filter(impulse, 0.7))) ** 2
    radius = np.hypot(*np.meshgrid(np.fft.fftfreq(400), np.fft.fftfreq(400)))
    for (low, high), decibels in zip(BANDS, found.bands, strict=True):
        left = transfer[(low <= radius) & (radius < high)].mean()
        assert decibels == pytest.approx(10 * math.log10(left), abs=0.2)


def test_white_noise_has_its_variance_in_every_band_whatever_the_patch() -> None:
    image = noise(shape=(700, 700))
    for side in PATCH_SIDES:
        corners = np.argwhere(np.ones((700 // side, 700 // side))) * side
        lowest, *others = band_powers(image, Patches(side, corners))
        assert others == pytest.approx([400] * len(others), rel=0.05)
        assert 320 < lowest < 400  # its mean was taken


@pytest.mark.parametrize(("low", "high"), [*BANDS, SUMMARY_BAND])
def test_a_wave_lies_in_its_band(low: float, high: float) -> None:
    rows, columns = np.indices((200, 200))
    frequency = (low + high) / 2
    angle = 0.6
    wave = 20 * np.sin(2 * math.pi * frequency * (math.cos(angle) * columns + math.sin(angle) * rows))
    powers = band_powers(wave, patches_in(np.ones((200, 200), np.bool_)))
    loudest = BANDS[int(powers.argmax())]
    assert loudest[0] - 1e-9 <= frequency <= loudest[1] + 1e-9


def test_powers_are_those_of_scipys_window_and_a_plain_fourier_sum() -> None:
    image, side = noise(3), 24
    taper = signal.windows.hann(side + 2, sym=True)[1:-1]
    window = taper[:, None] * taper[None, :]
    patch = image[10 : 10 + side, 20 : 20 + side]
    patch = (patch - np.average(patch, weights=window)) * window
    waves = np.exp(-2j * math.pi * np.outer(np.arange(side), np.arange(side)) / side)
    power = np.abs(waves @ patch @ waves) ** 2 / (window**2).sum()
    steps = np.minimum(np.arange(side), side - np.arange(side)) / side
    radius = np.sqrt(steps[:, None] ** 2 + steps[None, :] ** 2)
    expected = [power[(low <= radius) & (radius < high)].mean() for low, high in BANDS]
    assert band_powers(image, Patches(side, np.array([[10, 20]]))) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.1, 1.5), st.integers(0, 60), st.integers(0, 60))
def test_patches_lie_inside_the_region(share: float, row: int, column: int) -> None:
    region = np.roll(ellipse(share=share), (row, column), (0, 1))
    patches = patches_in(region)
    for top, left in patches.corners:
        assert region[top : top + patches.side, left : left + patches.side].all()
        assert region[top : top + patches.side, left : left + patches.side].shape == (patches.side, patches.side)


@pytest.mark.parametrize(
    ("height", "width", "side"), [(64, 64, 32), (96, 96, 64), (72, 75, 48), (48, 70, 32), (30, 31, 24), (23, 100, 0)]
)
def test_patches_suit_the_region(height: int, width: int, side: int) -> None:
    patches = patches_in(box(slice(5, 5 + height), slice(7, 7 + width)))
    assert patches.side == side
    assert bool(len(patches.corners)) == bool(side)


def test_patches_cover_what_they_can() -> None:
    region = box(slice(3, 131), slice(9, 137))
    covered = np.zeros(SHAPE, np.bool_)
    for row, column in patches_in(region).corners:
        covered[row : row + 64, column : column + 64] = True
    np.testing.assert_array_equal(covered, region)


def test_a_region_too_narrow_for_patches_has_no_spectrum_but_contrast() -> None:
    found = texture(noise(), noise(1), box(slice(20, 30), slice(20, 120)))
    assert all(math.isnan(one) for one in (*found.bands, found.summary))
    assert found.patch_side == 0
    assert found.contrast_ratio == pytest.approx(1, abs=0.1)


def test_a_flat_real_region_cannot_tell() -> None:
    found = texture(np.zeros(SHAPE), noise(), ellipse())
    assert all(math.isnan(one) for one in (*found.bands, found.summary, found.contrast_ratio))


def test_local_contrast_is_that_of_windows_taken_one_by_one() -> None:
    image = np.rint(noise(5)).astype(np.uint8)
    region = box(slice(11, 60), slice(4, 90))
    expected = view_as_windows(image[11:60, 4:90], (5, 5)).std(axis=(-2, -1)).mean()
    assert local_contrast(image, region) == pytest.approx(expected, rel=1e-9)


def test_a_region_without_a_window_has_no_contrast() -> None:
    assert math.isnan(local_contrast(noise(), box(slice(0, 4), slice(0, 100))))


@pytest.mark.parametrize(
    ("region", "message"),
    [
        (np.ones((3, 4), np.bool_), "give equal ones"),
        (np.ones(SHAPE, np.uint8), "must be an array"),
        (np.zeros(SHAPE, np.bool_), "marks no pixel"),
    ],
)
def test_what_does_not_fit_is_refused(region: np.ndarray, message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        texture(noise(), noise(), region)
