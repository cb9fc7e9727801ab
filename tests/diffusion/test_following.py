from __future__ import annotations

import torch

from fetalflex.diffusion.following import follow_leaders
from fetalflex.diffusion.sampling import Step

STEP = Step(0, 2, 500, 250, torch.zeros(1))
LAST = Step(1, 2, 250, None, torch.zeros(1))


def test_each_sample_follows_its_leader_where_it_is_not_free() -> None:
    x = torch.randn((4, 3, 2, 2), generator=torch.Generator().manual_seed(0))
    free = torch.ones((4, 1, 2, 2))
    free[1, :, 0] = 0
    free[3, :, :, 1] = 0
    for step in (STEP, LAST):
        made = follow_leaders([0, 0, 2, 2], free)(x, step)
        assert torch.equal(made[[0, 2]], x[[0, 2]])
        assert torch.equal(made[1, :, 0], x[0, :, 0])
        assert torch.equal(made[1, :, 1], x[1, :, 1])
        assert torch.equal(made[3, :, :, 1], x[2, :, :, 1])
        assert torch.equal(made[3, :, :, 0], x[3, :, :, 0])


def test_a_share_blends_both() -> None:
    x = torch.tensor([1.0, 3.0]).view(2, 1, 1, 1)
    made = follow_leaders([0, 0], torch.tensor([1.0, 0.25]).view(2, 1, 1, 1))(x, STEP)
    assert made.flatten().tolist() == [1.0, 1.5]


def test_the_noise_of_samples_that_share_it_keeps_its_level() -> None:
    noise = torch.randn((1, 4, 64, 64), generator=torch.Generator().manual_seed(1)).expand(2, -1, -1, -1)
    made = follow_leaders([0, 0], torch.full((2, 1, 64, 64), 0.5))(noise, STEP)
    assert torch.allclose(made, noise)
