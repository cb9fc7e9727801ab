from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from diffusion_helpers import scheduler
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError

SCHEDULE = NoiseSchedule.from_scheduler(scheduler())


def test_alphas_are_the_products_of_the_papers_linear_schedule() -> None:
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    expected = torch.cumprod(1 - betas, 0)
    assert SCHEDULE.train_timesteps == 1000
    assert torch.allclose(SCHEDULE.alphas_cumprod.double(), expected, rtol=1e-4)
    assert (SCHEDULE.alphas_cumprod.diff() < 0).all()
    assert SCHEDULE.alpha(None) == 1
    assert SCHEDULE.alpha(7) == SCHEDULE.alphas_cumprod[7]


def test_add_noise_is_that_of_diffusers() -> None:
    clean, noise = torch.randn(2, 5, 4, 8, 8)
    timesteps = torch.tensor([0, 1, 499, 998, 999])
    ours = SCHEDULE.add_noise(clean, noise, timesteps)
    assert torch.allclose(ours, scheduler().add_noise(clean, noise, timesteps), atol=1e-6)


def test_add_noise_follows_equation_1() -> None:
    clean, noise = torch.randn(2, 1, 1, 3, 3, dtype=torch.float64)
    alpha = SCHEDULE.alphas_cumprod[300].double()
    expected = alpha**0.5 * clean + (1 - alpha) ** 0.5 * noise
    assert torch.allclose(SCHEDULE.add_noise(clean, noise, torch.tensor([300])), expected, atol=1e-6)


def noisy_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return x_0, ε and t of five samples."""
    clean, noise = torch.randn(2, 5, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return clean, noise, torch.tensor([0, 1, 499, 998, 999])


def test_the_target_of_v_prediction_is_that_of_diffusers() -> None:
    schedule = NoiseSchedule.from_scheduler(scheduler(prediction="v_prediction"))
    clean, noise, timesteps = noisy_batch()
    expected = scheduler().get_velocity(clean, noise, timesteps)
    assert torch.allclose(schedule.target(clean, noise, timesteps), expected, atol=1e-6)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_noise_follows_from_a_right_prediction(prediction: str) -> None:
    schedule = NoiseSchedule.from_scheduler(scheduler(prediction=prediction))
    clean, noise, timesteps = noisy_batch()
    noisy, target = schedule.add_noise(clean, noise, timesteps), schedule.target(clean, noise, timesteps)
    torch.testing.assert_close(schedule.noise_from_prediction(target, noisy, timesteps), noise, rtol=1e-5, atol=1e-5)
    one = schedule.noise_from_prediction(target[2:3], noisy[2:3], timesteps[2])
    torch.testing.assert_close(one, noise[2:3], rtol=1e-5, atol=1e-5)


def test_without_v_the_prediction_is_the_noise_itself() -> None:
    clean, noise, timesteps = noisy_batch()
    assert SCHEDULE.target(clean, noise, timesteps) is noise
    assert SCHEDULE.noise_from_prediction(noise, clean, timesteps) is noise


@pytest.mark.parametrize("spacing", ["trailing", "leading", "linspace"])
@given(steps=st.integers(1, 1000))
def test_timesteps_fall_from_noise_to_clean_within_the_schedule(spacing: str, steps: int) -> None:
    timesteps = NoiseSchedule.from_scheduler(scheduler(spacing)).timesteps(steps)
    assert len(timesteps) == steps
    assert all(earlier > later for earlier, later in pairwise(timesteps))
    assert 0 <= timesteps[-1] <= timesteps[0] <= 999


@given(steps=st.integers(1, 1000))
def test_trailing_timesteps_start_at_the_noisiest(steps: int) -> None:
    assert SCHEDULE.timesteps(steps)[0] == 999


@pytest.mark.parametrize("steps", [0, -1, 1001])
def test_step_counts_out_of_range_are_refused(steps: int) -> None:
    with pytest.raises(FetalFlexError, match=f"steps is {steps}; choose a number from 1 to 1000"):
        SCHEDULE.timesteps(steps)


def test_asking_for_timesteps_leaves_the_models_scheduler_alone() -> None:
    own = scheduler()
    before = own.timesteps.clone()
    NoiseSchedule.from_scheduler(own).timesteps(7)
    assert torch.equal(own.timesteps, before)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_a_perfect_prediction_gives_the_clean_image_back(prediction: str) -> None:
    schedule = NoiseSchedule.from_scheduler(scheduler(prediction=prediction))
    clean, noise = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timesteps = torch.tensor([10, 500, 900])
    noisy = schedule.add_noise(clean, noise, timesteps)
    prediction_of = schedule.target(clean, noise, timesteps)
    found = schedule.denoised_from_prediction(prediction_of, noisy, timesteps)
    torch.testing.assert_close(found, clean, rtol=1e-3, atol=1e-3)


def test_the_share_of_signal_is_alpha() -> None:
    schedule = NoiseSchedule.from_scheduler(scheduler())
    assert torch.equal(schedule.signal_share(torch.tensor([0, 999])), schedule.alphas_cumprod[[0, 999]])
