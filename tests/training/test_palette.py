from __future__ import annotations

import numpy as np
import pytest
from diffusers import AutoencoderKL

from fetalflex.models.components import Components
from fetalflex.training.palette import OUTLINE_COLOUR, choose_palette, latent_distances

HEAD = ("skull", "thalami", "cavum_septi_pellucidi", "midline_falx")
PROFILE = ("thalami", "palate")
PLANES = {"head": HEAD, "profile": PROFILE}
OUTLINES = {"head": "skull", "profile": None}


@pytest.fixture(scope="module")
def vae(shared_model: Components) -> AutoencoderKL:
    return shared_model.vae


@pytest.fixture(scope="module")
def palette(vae: AutoencoderKL) -> dict[str, tuple[int, int, int]]:
    return choose_palette(vae, 64, PLANES, OUTLINES)


def least(vae: AutoencoderKL, colours: list[tuple[int, int, int]], ground: tuple[int, int, int] | None) -> float:
    distances = latent_distances(vae, 64, colours, ground)
    return float(distances[~np.eye(len(distances), dtype=bool)].min())


def test_distances_are_those_of_a_metric(vae: AutoencoderKL) -> None:
    distances = latent_distances(vae, 64, [(255, 0, 0), (0, 255, 0), (255, 0, 0)], OUTLINE_COLOUR)
    assert distances.shape == (4, 4)
    np.testing.assert_allclose(distances, distances.T)
    assert distances[0, 2] == pytest.approx(0, abs=1e-5)
    assert distances[0, 1] > 0
    assert distances[0, 1] <= distances[0, 3] + distances[3, 1] + 1e-9


def test_every_structure_has_a_colour_and_outlines_are_dark(palette: dict[str, tuple[int, int, int]]) -> None:
    assert palette.keys() == {*HEAD, *PROFILE}
    assert palette["skull"] == OUTLINE_COLOUR


def test_structures_of_a_plane_differ(palette: dict[str, tuple[int, int, int]]) -> None:
    for names in PLANES.values():
        assert len({palette[name] for name in names}) == len(names)


def test_it_is_better_than_nearly_all_random_choices(
    vae: AutoencoderKL, palette: dict[str, tuple[int, int, int]]
) -> None:
    inner = HEAD[1:]
    chosen = least(vae, [palette[name] for name in inner], OUTLINE_COLOUR)
    rng = np.random.default_rng(0)
    random = [least(vae, [tuple(rng.integers(50, 256, 3).tolist()) for _ in inner], OUTLINE_COLOUR) for _ in range(20)]
    assert chosen > np.quantile(random, 0.9)


def test_the_choice_is_repeatable(vae: AutoencoderKL, palette: dict[str, tuple[int, int, int]]) -> None:
    assert choose_palette(vae, 64, PLANES, OUTLINES) == palette
