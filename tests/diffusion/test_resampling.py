from __future__ import annotations

import pytest
import torch
from diffusion_helpers import bent_denoiser, perfect_denoiser, scheduler
from torch import Tensor

from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.noise import noise_like, sample_generators, sample_noise
from fetalflex.diffusion.resampling import Resampling, add_noise_between, with_resampling
from fetalflex.diffusion.samplers import SAMPLERS, choose_sampler
from fetalflex.diffusion.sampling import Step
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError

SHAPE = (4, 8, 8)
SCHEDULE = NoiseSchedule.from_scheduler(scheduler())


def way(steps: int, jump_length: int, repeats: int) -> list[tuple[int, int | None]]:
    """Return where each step went from and to."""
    seen: list[Step] = []
    sampler = with_resampling(choose_sampler("ddim"), Resampling(jump_length, repeats))
    x = sample_noise(SHAPE, sample_generators([0]))
    timesteps = SCHEDULE.timesteps(steps)
    sampler(bent_denoiser, x, SCHEDULE, timesteps, sample_generators([1]), None, lambda _, step: seen.append(step))
    assert [step.index for step in seen] == list(range(steps * repeats))
    assert {step.count for step in seen} == {steps * repeats}
    return [(step.timestep, step.previous_timestep) for step in seen]


def test_each_stretch_is_gone_as_often_as_asked() -> None:
    stretch = [(999, 799), (799, 599)]
    second = [(599, 399), (399, 199)]
    assert way(5, 2, 3) == stretch * 3 + second * 3 + [(199, None)] * 3
    assert way(4, 10, 2) == [(999, 749), (749, 499), (499, 249), (249, None)] * 2


@pytest.mark.parametrize("name", SAMPLERS)
def test_once_in_one_stretch_is_the_sampler_itself(name: str) -> None:
    x = sample_noise(SHAPE, sample_generators([0, 1]))
    plain = choose_sampler(name)
    given = (bent_denoiser, x, SCHEDULE, SCHEDULE.timesteps(10))
    expected = plain(*given, sample_generators([2, 3]))
    assert torch.equal(with_resampling(plain, Resampling(10, 1))(*given, sample_generators([2, 3])), expected)


def test_going_back_is_the_forward_process() -> None:
    generators = sample_generators(range(1000))
    clean = torch.full((1000, 1, 8, 8), 2.0)
    at_300 = SCHEDULE.add_noise(clean, noise_like(clean, generators), torch.full((1000,), 300))
    at_600 = add_noise_between(at_300, SCHEDULE.alpha(300), SCHEDULE.alpha(600), generators)
    alpha = float(SCHEDULE.alpha(600))
    assert float(at_600.mean()) == pytest.approx(2 * alpha**0.5, abs=0.02)
    assert float(at_600.var()) == pytest.approx(1 - alpha, rel=0.02)


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_background_is_kept_on_every_way(name: str) -> None:
    background = sample_noise(SHAPE, sample_generators([5]))
    roi = torch.zeros(1, 1, 8, 8)
    roi[..., 4:] = 1
    sampler = with_resampling(choose_sampler(name), Resampling(3, 3))
    x = sample_noise(SHAPE, sample_generators([0]))
    generators = sample_generators([7])
    transform = keep_background(background, roi, SCHEDULE, generators)

    def check(x: Tensor, step: Step) -> None:
        if not step.is_last:
            alpha = SCHEDULE.alpha(step.previous_timestep)
            noise = (x - alpha.sqrt() * background) / (1 - alpha).sqrt()
            outside = noise[(roi == 0).expand_as(x)]
            assert abs(float(outside.mean())) < 0.4
            assert 0.6 < float(outside.std()) < 1.4

    denoiser = perfect_denoiser(background, SCHEDULE)
    result = sampler(denoiser, x, SCHEDULE, SCHEDULE.timesteps(9), generators, transform, check)
    torch.testing.assert_close(result, background, rtol=1e-2, atol=1e-2)


def test_an_image_does_not_depend_on_its_batch() -> None:
    sampler = with_resampling(choose_sampler("ddim"), Resampling(3, 2))

    def run(seeds: list[int]) -> Tensor:
        generators = sample_generators(seeds)
        return sampler(bent_denoiser, sample_noise(SHAPE, generators), SCHEDULE, SCHEDULE.timesteps(6), generators)

    together = run([1, 2, 3])
    for i, seed in enumerate([1, 2, 3]):
        torch.testing.assert_close(together[i : i + 1], run([seed]))


@pytest.mark.parametrize("values", [(0, 1), (1, 0), (1001, 1), (1, 101), (1.5, 1)])
def test_values_out_of_range_are_refused_by_name(values: tuple[int, int]) -> None:
    with pytest.raises(FetalFlexError, match=r"resampling\.(jump_length|repeats) is .*choose"):
        Resampling(*values)
