from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DModel
from diffusion_helpers import bent_denoiser, perfect_denoiser, scheduler
from torch import Tensor

from fetalflex.diffusion.ddim import ddim_step, sample_ddim
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.sampling import Denoiser, Step
from fetalflex.diffusion.schedule import NoiseSchedule

SHAPE = (4, 8, 8)
SCHEDULE = NoiseSchedule.from_scheduler(scheduler())


def reference(
    denoiser: Denoiser,
    x: Tensor,
    steps: int,
    eta: float,
    seeds: list[int],
    spacing: str = "trailing",
    prediction: str = "epsilon",
) -> Tensor:
    """Sample with diffusers' own scheduler, one generator per sample."""
    theirs = scheduler(spacing, prediction)
    theirs.set_timesteps(steps)
    generators = sample_generators(seeds)
    for t in theirs.timesteps:
        noise = torch.stack([torch.randn(SHAPE, generator=g) for g in generators]) if eta > 0 else None
        x = theirs.step(denoiser(x, int(t)), t, x, eta=eta, variance_noise=noise).prev_sample
    return x


@pytest.mark.parametrize("spacing", ["trailing", "leading"])
@pytest.mark.parametrize("steps", [1, 4, 10, 50, 200])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_is_that_of_diffusers(spacing: str, steps: int, eta: float) -> None:
    schedule = NoiseSchedule.from_scheduler(scheduler(spacing))
    x = sample_noise(SHAPE, sample_generators([1, 2, 3]))
    ours = sample_ddim(bent_denoiser, x, schedule, schedule.timesteps(steps), sample_generators([7, 8, 9]), eta=eta)
    theirs = reference(bent_denoiser, x, steps, eta, [7, 8, 9], spacing)
    # At eta = 1 diffusers subtracts nearly equal numbers in another order.
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))


@torch.no_grad()
def test_ddim_is_that_of_diffusers_with_a_network() -> None:
    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8, in_channels=4, out_channels=4, block_out_channels=(8, 16), norm_num_groups=4, layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    ).eval()  # fmt: skip

    def denoiser(x: Tensor, t: int) -> Tensor:
        return unet(x, t).sample

    x = sample_noise(SHAPE, sample_generators([1, 2]))
    ours = sample_ddim(denoiser, x, SCHEDULE, SCHEDULE.timesteps(20), sample_generators([0, 0]))
    theirs = reference(denoiser, x, 20, 0.0, [0, 0])
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_a_denoiser_that_predicts_v_gives_what_diffusers_makes_of_it(eta: float) -> None:
    schedule = NoiseSchedule.from_scheduler(scheduler(prediction="v_prediction"))

    def denoiser(x: Tensor, t: int) -> Tensor:
        return schedule.noise_from_prediction(bent_denoiser(x, t), x, torch.tensor(t))

    x = sample_noise(SHAPE, sample_generators([1, 2]))
    ours = sample_ddim(denoiser, x, schedule, schedule.timesteps(20), sample_generators([7, 8]), eta=eta)
    theirs = reference(bent_denoiser, x, 20, eta, [7, 8], prediction="v_prediction")
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("steps", [1, 7, 33])
def test_a_perfect_denoiser_leads_to_the_clean_image(steps: int) -> None:
    clean, x = torch.randn(2, 3, *SHAPE)
    found = sample_ddim(perfect_denoiser(clean, SCHEDULE), x, SCHEDULE, SCHEDULE.timesteps(steps), [])
    torch.testing.assert_close(found, clean, rtol=0, atol=1e-3)


def test_ancestral_sampling_keeps_the_marginal_of_the_forward_process() -> None:
    """With x_0 known and η = 1, every x_t is a draw from q(x_t | x_0)."""
    clean = torch.zeros(64, 1, 16, 16)
    levels: list[tuple[float, float]] = []

    def watch(x: Tensor, step: Step) -> None:
        if not step.is_last:
            levels.append((float(x.std()), float((1 - SCHEDULE.alpha(step.previous_timestep)).sqrt())))

    sample_ddim(
        perfect_denoiser(clean, SCHEDULE),
        sample_noise((1, 16, 16), sample_generators(range(64))),
        SCHEDULE,
        SCHEDULE.timesteps(10),
        sample_generators(range(64, 128)),
        callback=watch,
        eta=1.0,
    )
    assert len(levels) == 9
    for found, expected in levels:
        assert found == pytest.approx(expected, rel=0.05)


def test_steps_are_reported_in_order_with_the_estimate_of_the_clean_image() -> None:
    clean, x = torch.randn(2, 1, *SHAPE)
    steps: list[Step] = []
    denoiser = perfect_denoiser(clean, SCHEDULE)
    timesteps = SCHEDULE.timesteps(5)
    sample_ddim(denoiser, x, SCHEDULE, timesteps, [], callback=lambda _, step: steps.append(step))
    assert [(s.index, s.count, s.timestep, s.previous_timestep, s.is_last) for s in steps] == [
        (i, 5, timesteps[i], ([*timesteps, None])[i + 1], i == 4) for i in range(5)
    ]
    for step in steps:
        torch.testing.assert_close(step.denoised, clean, rtol=0, atol=1e-2)


def test_the_transform_changes_what_the_next_step_sees_and_the_callback_comes_after_it() -> None:
    seen: list[float] = []
    x = torch.ones(1, *SHAPE)
    result = sample_ddim(
        lambda x, _: torch.zeros_like(x),
        x,
        SCHEDULE,
        [500, 200],
        [],
        transform=lambda x, step: torch.full_like(x, 2.0 + step.index),
        callback=lambda x, _: seen.append(float(x.mean())),
    )
    assert seen == [2.0, 3.0]
    assert (result == 3).all()


def test_a_callback_cancels_by_raising() -> None:
    calls: list[int] = []

    def cancel(_: Tensor, step: Step) -> None:
        calls.append(step.index)
        if step.index == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_ddim(bent_denoiser, torch.zeros(1, *SHAPE), SCHEDULE, SCHEDULE.timesteps(10), [], callback=cancel)
    assert calls == [0, 1, 2]


def test_a_sample_does_not_depend_on_its_batch() -> None:
    x = sample_noise(SHAPE, sample_generators([1, 2, 3]))
    timesteps = SCHEDULE.timesteps(5)
    together = sample_ddim(bent_denoiser, x, SCHEDULE, timesteps, sample_generators([1, 2, 3]), eta=1.0)
    alone = sample_ddim(bent_denoiser, x[1:2], SCHEDULE, timesteps, sample_generators([2]), eta=1.0)
    assert torch.equal(together[1:2], alone)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_latent_keeps_its_dtype(dtype: torch.dtype, eta: float) -> None:
    x = torch.randn(1, *SHAPE, dtype=dtype)
    after, denoised = ddim_step(x, x, SCHEDULE.alpha(500), SCHEDULE.alpha(400), eta, sample_generators([0]))
    assert after.dtype == denoised.dtype == dtype


def test_the_input_is_not_changed() -> None:
    x = torch.randn(1, *SHAPE)
    before = x.clone()
    sample_ddim(bent_denoiser, x, SCHEDULE, SCHEDULE.timesteps(3), [])
    assert torch.equal(x, before)
