from __future__ import annotations

import torch
from diffusion_helpers import bent_denoiser, perfect_denoiser, scheduler
from torch import Tensor

from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.noise import noise_like, sample_generators, sample_noise
from fetalflex.diffusion.sampling import Step
from fetalflex.diffusion.schedule import NoiseSchedule

SHAPE = (4, 8, 8)
SEEDS = [11, 12]
SCHEDULE = NoiseSchedule.from_scheduler(scheduler())


def half_mask() -> Tensor:
    """ROI: the right half of every sample."""
    mask = torch.zeros(len(SEEDS), 1, *SHAPE[1:])
    mask[..., SHAPE[2] // 2 :] = 1
    return mask


def test_after_each_step_but_the_last_the_known_region_is_the_background_at_the_level_of_the_new_latent() -> None:
    background = torch.randn(len(SEEDS), *SHAPE)
    mask = half_mask()
    again = sample_generators(SEEDS)
    checked: list[bool] = []

    def check(x: Tensor, step: Step) -> None:
        if step.is_last:
            return
        noise = noise_like(background, again)
        level = torch.full((len(SEEDS),), step.previous_timestep)
        expected = SCHEDULE.add_noise(background, noise, level)
        known = (mask == 0).expand_as(x)
        torch.testing.assert_close(x[known], expected[known], rtol=1e-6, atol=1e-6)
        checked.append(True)

    transform = keep_background(background, mask, SCHEDULE, sample_generators(SEEDS))
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    sample_ddim(bent_denoiser, x, SCHEDULE, SCHEDULE.timesteps(10), [], transform, check)
    assert len(checked) == 9


def test_inside_the_roi_the_latent_is_left_bit_for_bit() -> None:
    x, background = torch.randn(2, len(SEEDS), *SHAPE)
    transform = keep_background(background, half_mask(), SCHEDULE, sample_generators(SEEDS))
    after = transform(x, Step(0, 10, 999, 899, x))
    inside = half_mask().bool().expand_as(x)
    assert torch.equal(after[inside], x[inside])


def test_the_last_step_is_left_alone_and_draws_no_noise() -> None:
    x, background = torch.randn(2, len(SEEDS), *SHAPE)
    generators = sample_generators(SEEDS)
    transform = keep_background(background, half_mask(), SCHEDULE, generators)
    assert transform(x, Step(9, 10, 99, None, x)) is x
    assert torch.equal(noise_like(x, generators), noise_like(x, sample_generators(SEEDS)))


def test_each_step_draws_fresh_noise() -> None:
    x, background = torch.zeros(2, len(SEEDS), *SHAPE)
    transform = keep_background(background, half_mask(), SCHEDULE, sample_generators(SEEDS))
    step = Step(0, 10, 999, 899, x)
    assert not torch.equal(transform(x, step), transform(x, step))


def test_with_the_whole_image_as_roi_sampling_is_as_without_inpainting() -> None:
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    transform = keep_background(torch.randn_like(x), torch.ones(2, 1, 8, 8), SCHEDULE, sample_generators(SEEDS))
    timesteps = SCHEDULE.timesteps(10)
    with_transform = sample_ddim(bent_denoiser, x, SCHEDULE, timesteps, [], transform)
    assert torch.equal(with_transform, sample_ddim(bent_denoiser, x, SCHEDULE, timesteps, []))


def test_a_perfect_denoiser_gives_the_background_back() -> None:
    background = torch.randn(len(SEEDS), *SHAPE)
    transform = keep_background(background, half_mask(), SCHEDULE, sample_generators(SEEDS))
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    found = sample_ddim(perfect_denoiser(background, SCHEDULE), x, SCHEDULE, SCHEDULE.timesteps(10), [], transform)
    torch.testing.assert_close(found, background, rtol=0, atol=1e-3)
