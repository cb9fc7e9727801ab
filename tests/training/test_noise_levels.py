from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.models.build import build_scheduler
from fetalflex.models.configs import NoiseConfig
from fetalflex.training.config import NoiseLevels
from fetalflex.training.noise_levels import draw_timesteps

SCHEDULE = NoiseSchedule.from_scheduler(build_scheduler(NoiseConfig()))
COUNT = 20_000


def draw(seed: int = 0, **levels: float) -> torch.Tensor:
    return draw_timesteps(SCHEDULE, COUNT, torch.Generator().manual_seed(seed), NoiseLevels(**levels))


def log_sigma(timesteps: torch.Tensor) -> np.ndarray:
    alpha = SCHEDULE.alphas_cumprod[timesteps].double()
    return (0.5 * torch.log((1 - alpha) / alpha)).numpy()


def test_time_steps_are_uniform_by_default() -> None:
    counts = np.bincount(draw().numpy() // 100, minlength=10)
    assert stats.chisquare(counts).pvalue > 1e-3
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(draw(), torch.randint(0, 1000, (COUNT,), generator=generator))


@pytest.mark.parametrize(("mean", "std"), [(0.3, 1.0), (-0.5, 0.6)])
def test_noise_levels_are_log_normal(mean: float, std: float) -> None:
    drawn = log_sigma(draw(mean=mean, std=std, uniform_share=0))
    assert drawn.mean() == pytest.approx(mean, abs=0.03)
    assert drawn.std() == pytest.approx(std, rel=0.03)
    assert stats.kstest(drawn, "norm", args=(mean, std)).statistic < 0.02


def test_a_share_stays_uniform() -> None:
    drawn = draw(mean=-3.0, std=0.01, uniform_share=0.25)
    nearest = np.bincount(drawn.numpy(), minlength=1000).argmax()
    assert (drawn != nearest).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_what_lies_beyond_the_schedule_falls_on_its_ends() -> None:
    assert (draw(mean=9.0, std=0.1, uniform_share=0) == 999).all()
    assert (draw(mean=-9.0, std=0.1, uniform_share=0) == 0).all()
