from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.finishing import membrane as module
from fetalflex.finishing.membrane import membrane, solve_membrane


def blob(height: int, width: int, share: float = 0.4) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return ((y - height / 2) / height) ** 2 + ((x - width / 2) / width) ** 2 < share**2


def dense(rim: np.ndarray, region: np.ndarray, fade: float) -> np.ndarray:
    """Return the membrane by one equation per pixel, written out, and numpy's own solver."""
    pixels = [tuple(pixel) for pixel in np.argwhere(region)]
    matrix, right = np.zeros((len(pixels), len(pixels))), np.zeros(len(pixels))
    for row, (y, x) in enumerate(pixels):
        matrix[row, row] = 1 / fade**2
        for other in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= other[0] < region.shape[0] and 0 <= other[1] < region.shape[1]):
                continue
            matrix[row, row] += 1
            if region[other]:
                matrix[row, pixels.index(other)] -= 1
            else:
                right[row] += rim[other]
    result = np.zeros(region.shape)
    result[region] = np.linalg.solve(matrix, right)
    return result


@pytest.mark.parametrize("fade", [np.inf, 3.0])
@pytest.mark.parametrize("cut", [0, 5])
def test_it_solves_the_equation_of_every_pixel(fade: float, cut: int) -> None:
    rng = np.random.default_rng(0)
    region = blob(17, 21)[cut:]
    region[2, 3] = True
    rim = rng.normal(size=region.shape) * 30
    assert membrane(rim, region, fade) == pytest.approx(dense(rim, region, fade), abs=1e-9)


def test_a_plane_is_harmonic_and_so_continued_exactly() -> None:
    y, x = np.mgrid[:30, :40].astype(float)
    plane, region = 3 * x - 2 * y + 7, blob(30, 40)
    assert membrane(plane, region)[region] == pytest.approx(plane[region])


def test_behind_a_straight_rim_it_falls_to_1_over_e_over_the_fade() -> None:
    region = np.zeros((5, 200), bool)
    region[:, 1:] = True
    values = membrane(np.ones(region.shape), region, 20.0)
    assert values[2, 20] == pytest.approx(np.exp(-1), abs=0.001)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.floats(1, 1e3) | st.just(np.inf))
def test_it_has_no_extremes_of_its_own(seed: int, fade: float) -> None:
    rng = np.random.default_rng(seed)
    region = rng.random((18, 23)) < rng.uniform(0.1, 0.99)
    rim = rng.normal(size=region.shape) * 50
    values = membrane(rim, region, fade)
    assert not values[~region].any()
    if not region.all():
        low, high = min(rim[~region].min(), 0), max(rim[~region].max(), 0)
        assert values.min() >= low - 1e-9
        assert values.max() <= high + 1e-9


def test_what_touches_nothing_known_gets_nothing() -> None:
    assert not membrane(np.ones((6, 7)), np.ones((6, 7), bool)).any()
    assert not membrane(np.ones((6, 7)), np.zeros((6, 7), bool)).any()


@pytest.mark.parametrize("fade", [np.inf, 30.0])
def test_on_a_coarser_grid_it_is_nearly_the_same(monkeypatch: pytest.MonkeyPatch, fade: float) -> None:
    region = blob(90, 131)
    y, x = np.mgrid[:90, :131]
    rim = 40 * np.sin(x / 20) + 0.3 * y
    exact = solve_membrane(rim, region, fade)
    monkeypatch.setattr(module, "MOST_UNKNOWNS", 900)
    off = np.abs(membrane(rim, region, fade) - exact)[region]
    assert off.mean() < 0.5
    assert off.max() < 5
