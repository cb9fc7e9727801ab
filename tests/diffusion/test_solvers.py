"""DPM-Solver++ and UniPC against those of diffusers, and what both promise with transforms."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, UniPCMultistepScheduler
from diffusion_helpers import bent_denoiser, perfect_denoiser, scheduler
from torch import Tensor

from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.dpm_solver import sample_dpm_solver
from fetalflex.diffusion.inpainting import keep_background
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.sampling import Sampler, Step
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.diffusion.unipc import sample_unipc

SHAPE = (4, 8, 8)
SCHEDULE = NoiseSchedule.from_scheduler(scheduler())
GENERATORS = sample_generators([0, 0])
BETAS = {"beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear", "timestep_spacing": "trailing"}
THEIRS: dict[Sampler, Callable[[], DPMSolverMultistepScheduler | UniPCMultistepScheduler]] = {
    sample_dpm_solver: lambda: DPMSolverMultistepScheduler(**BETAS, solver_order=2, final_sigmas_type="zero"),
    sample_unipc: lambda: UniPCMultistepScheduler(**BETAS, solver_order=2, final_sigmas_type="zero"),
}
SAMPLERS = list(THEIRS)

# diffusers turns tensors into arrays in a way that NumPy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def smooth_denoiser(x: Tensor, timestep: int) -> Tensor:
    """The exact ε̂ of data that are normal with mean 0.5 and standard deviation 0.5."""
    alpha = SCHEDULE.alpha(timestep)
    return (1 - alpha).sqrt() * (x - alpha.sqrt() * 0.5) / (0.25 * alpha + 1 - alpha)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("denoiser", [bent_denoiser, smooth_denoiser])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 20, 50])
def test_solvers_are_those_of_diffusers(sampler, denoiser, steps):
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    ours = sampler(denoiser, x, SCHEDULE, SCHEDULE.timesteps(steps), GENERATORS)
    theirs = THEIRS[sampler]()
    theirs.set_timesteps(steps)
    assert [int(t) for t in theirs.timesteps] == SCHEDULE.timesteps(steps)
    expected = x
    for t in theirs.timesteps:
        expected = theirs.step(denoiser(expected, int(t)), t, expected).prev_sample
    # Both compute in float32, where x_0 from x_T divides by √ᾱ_T = 0.006.
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_perfect_denoiser_leads_to_the_clean_image(sampler):
    clean = sample_noise(SHAPE, sample_generators([3, 4]))
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    result = sampler(perfect_denoiser(clean, SCHEDULE), x, SCHEDULE, SCHEDULE.timesteps(8), GENERATORS)
    torch.testing.assert_close(result, clean, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_few_steps_come_nearer_to_many_than_ddim_does(sampler):
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    exact = sample_ddim(smooth_denoiser, x, SCHEDULE, SCHEDULE.timesteps(1000), GENERATORS)

    def error(used: Sampler) -> float:
        return float((used(smooth_denoiser, x, SCHEDULE, SCHEDULE.timesteps(15), GENERATORS) - exact).abs().mean())

    assert error(sampler) < 0.5 * error(sample_ddim)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_parts_of_a_way_arrive_where_they_are_told(sampler):
    clean = sample_noise(SHAPE, sample_generators([3]))
    noise = sample_noise(SHAPE, sample_generators([1]))
    start, end = 799, 399
    x = SCHEDULE.add_noise(clean, noise, torch.tensor([start]))
    seen: list[Step] = []
    generators = sample_generators([0])
    denoiser = perfect_denoiser(clean, SCHEDULE)
    x = sampler(denoiser, x, SCHEDULE, [start, 699, 599, 499], generators, None, lambda _, step: seen.append(step), end)
    torch.testing.assert_close(x, SCHEDULE.add_noise(clean, noise, torch.tensor([end])), rtol=1e-3, atol=1e-3)
    assert [step.previous_timestep for step in seen] == [699, 599, 499, end]
    assert not any(step.is_last for step in seen)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_inpainting_keeps_the_background_at_its_noise_level(sampler):
    background = sample_noise(SHAPE, sample_generators([5, 6]))
    roi = torch.zeros(2, 1, 8, 8)
    roi[..., 2:6, 2:6] = 1
    known = keep_background(background, roi, SCHEDULE, sample_generators([7, 8]))
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    seen: list[tuple[Tensor, Step]] = []
    timesteps = SCHEDULE.timesteps(10)
    denoiser = perfect_denoiser(background, SCHEDULE)
    sampler(denoiser, x, SCHEDULE, timesteps, GENERATORS, known, lambda x, step: seen.append((x, step)))
    again = sample_generators([7, 8])
    for x, step in seen[:-1]:
        alpha = SCHEDULE.alpha(step.previous_timestep)
        noise = sample_noise(SHAPE, again)
        outside = (alpha.sqrt() * background + (1 - alpha).sqrt() * noise) * (1 - roi)
        torch.testing.assert_close(x * (1 - roi), outside)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_what_a_transform_did_stays(sampler):
    """A shift of a latent on the way must change the result as much as the exact way from there says."""
    x = sample_noise(SHAPE, sample_generators([1, 2]))
    timesteps = SCHEDULE.timesteps(20)

    def result(shift: float) -> Tensor:
        def transform(x: Tensor, step: Step) -> Tensor:
            return x + shift if step.index == 9 else x

        return sampler(smooth_denoiser, x, SCHEDULE, timesteps, GENERATORS, transform)

    def exact(shift: float) -> Tensor:
        way = list(range(timesteps[10], -1, -1))
        return sample_ddim(smooth_denoiser, x + shift, SCHEDULE, way, GENERATORS)

    torch.testing.assert_close(result(1.0) - result(0.0), exact(1.0) - exact(0.0), rtol=0.1, atol=0.0)
