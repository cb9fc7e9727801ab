from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from diffusion_helpers import bent_denoiser, scheduler
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.diffusion.anisotropic import anisotropic_diffusion, edge_scale, smooth_structures
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.samplers import SAMPLERS, choose_sampler
from fetalflex.diffusion.sampling import Step
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError

SCHEDULE = NoiseSchedule.from_scheduler(scheduler())


def reference(x: np.ndarray, kappa: float, iterations: int, rate: float) -> np.ndarray:
    """Perona-Malik pixel by pixel, in double precision."""
    height, width = x.shape
    for _ in range(iterations):
        after = x.copy()
        for i in range(height):
            for j in range(width):
                for di, dj in ((-1, 0), (1, 0), (0, -1), (0, 1)):
                    k, m = i + di, j + dj
                    if 0 <= k < height and 0 <= m < width:
                        gradient = x[k, m] - x[i, j]
                        after[i, j] += rate * math.exp(-((gradient / kappa) ** 2)) * gradient
        x = after
    return x


@pytest.mark.parametrize("shape", [(7, 5), (1, 9), (6, 1), (12, 12)])
@pytest.mark.parametrize(("kappa", "rate"), [(0.3, 0.25), (1.0, 0.1), (5.0, 0.2)])
def test_it_is_perona_malik(shape: tuple[int, int], kappa: float, rate: float) -> None:
    x = torch.randn((2, 3, *shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = anisotropic_diffusion(x, kappa, 4, rate)
    expected = np.stack([[reference(channel.numpy(), kappa, 4, rate) for channel in sample] for sample in x])
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12)


def test_single_precision_is_close_to_double() -> None:
    x = sample_noise((4, 32, 32), sample_generators([0]))
    single, double = (anisotropic_diffusion(v, 0.7, 10, 0.25).double() for v in (x, x.double()))
    torch.testing.assert_close(single, double, rtol=0, atol=1e-5)


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32), st.floats(0, 1e6), st.integers(1, 20),
    st.floats(0, 0.25), st.sampled_from([1e-30, 1.0, 1e15]),
)  # fmt: skip
def test_no_value_leaves_the_range_and_the_mean_stays(
    height: int, width: int, seed: int, kappa: float, iterations: int, rate: float, scale: float
) -> None:
    x = scale * torch.randn((1, 1, height, width), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    after = anisotropic_diffusion(x, kappa, iterations, rate)
    slack = 1e-9 * scale
    assert float(after.min()) >= float(x.min()) - slack
    assert float(after.max()) <= float(x.max()) + slack
    assert float(after.mean()) == pytest.approx(float(x.mean()), abs=slack)


def test_a_constant_image_stays_and_zero_kappa_stops_all_flow() -> None:
    x = torch.full((1, 2, 5, 5), 3.0)
    assert torch.equal(anisotropic_diffusion(x, edge_scale(x, 0.5), 5, 0.25), x)
    noise = torch.randn(1, 1, 5, 5)
    assert torch.equal(anisotropic_diffusion(noise, 0.0, 5, 0.25), noise)


def test_an_edge_stays_while_noise_goes() -> None:
    generator = torch.Generator().manual_seed(0)
    step = torch.zeros(1, 1, 32, 32)
    step[..., 16:] = 10
    noisy = step + 0.3 * torch.randn(step.shape, generator=generator)
    after = anisotropic_diffusion(noisy, edge_scale(noisy, 0.9), 20, 0.2)
    assert float((after[..., :15]).std()) < 0.3 * float(noisy[..., :15].std())
    assert float((after[..., 16] - after[..., 15]).mean()) > 9.5


def test_kappa_is_the_quantile_of_each_samples_own_differences() -> None:
    x = torch.randn(3, 2, 6, 7) * torch.tensor([1.0, 10.0, 0.1]).view(3, 1, 1, 1)
    for quantile in (0.0, 0.3, 1.0):
        found = edge_scale(x, quantile)
        assert found.shape == (3, 1, 1, 1)
        for b in range(3):
            differences = np.concatenate([np.diff(x[b], axis=1).ravel(), np.diff(x[b], axis=2).ravel()])
            expected = np.quantile(np.abs(differences), quantile, method="nearest")
            assert float(found[b]) == pytest.approx(float(expected), rel=0.02)
    assert torch.equal(edge_scale(torch.ones(2, 3, 1, 1), 0.5), torch.zeros(2, 1, 1, 1))


def test_the_latent_is_replaced_by_the_smoothed_one_and_the_share_falls() -> None:
    x, denoised = torch.randn(2, 2, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    step = Step(0, 10, 599, 499, denoised)
    alpha = SCHEDULE.alpha(499)
    smoothed = {v: anisotropic_diffusion(v, edge_scale(v, 0.5), 2, 0.2) for v in (x, denoised)}
    whole = smooth_structures(Smoothing(smoothed="latent", decay=0), SCHEDULE)(x, step)
    torch.testing.assert_close(whole, smoothed[x])
    share = 0.5 * (1 - alpha) ** 2
    part = smooth_structures(Smoothing(smoothed="latent", weight=0.5, decay=2), SCHEDULE)(x, step)
    torch.testing.assert_close(part, x + share * (smoothed[x] - x))
    estimate = smooth_structures(Smoothing(weight=0.5, decay=2), SCHEDULE)(x, step)
    torch.testing.assert_close(estimate, x + share * alpha.sqrt() * (smoothed[denoised] - denoised))


@pytest.mark.parametrize("name", SAMPLERS)
@pytest.mark.parametrize("smoothed", ["latent", "estimate"])
def test_it_wraps_every_sampler(name: str, smoothed: str) -> None:
    x = sample_noise((4, 8, 8), sample_generators([1, 2]))
    transform = smooth_structures(Smoothing(smoothed=smoothed), SCHEDULE)
    plain, smooth = (
        choose_sampler(name)(bent_denoiser, x, SCHEDULE, SCHEDULE.timesteps(10), sample_generators([0, 0]), t)
        for t in (None, transform)
    )
    assert torch.isfinite(smooth).all()
    assert not torch.allclose(plain, smooth)


@pytest.mark.parametrize(
    ("field", "value"),
    [("rate", 0.3), ("rate", math.nan), ("edge_quantile", -0.1), ("weight", 2.0), ("decay", -1.0), ("decay", math.nan),
     ("iterations", 0), ("iterations", 1.5), ("smoothed", "image")],
)  # fmt: skip
def test_values_out_of_range_are_refused_by_name(field: str, value: float | str) -> None:
    with pytest.raises(FetalFlexError, match=rf"smoothing\.{field} is .*choose"):
        Smoothing(**{field: value})
