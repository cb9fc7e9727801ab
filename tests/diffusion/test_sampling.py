from __future__ import annotations

import torch

from fetalflex.diffusion.sampling import Step, compose

STEP = Step(0, 1, 999, None, torch.zeros(1))


def test_transforms_are_applied_from_left_to_right() -> None:
    composed = compose(lambda x, _: x + 1, lambda x, _: x * 10)
    assert composed(torch.tensor(2.0), STEP) == 30


def test_composing_nothing_changes_nothing() -> None:
    x = torch.randn(3)
    assert torch.equal(compose()(x, STEP), x)


def test_every_transform_sees_the_step() -> None:
    seen: list[Step] = []

    def transform(x: torch.Tensor, step: Step) -> torch.Tensor:
        seen.append(step)
        return x

    compose(transform, transform)(torch.zeros(1), STEP)
    assert seen == [STEP, STEP]


def test_only_the_step_to_the_clean_end_is_last() -> None:
    assert STEP.is_last
    assert not Step(0, 2, 999, 0, torch.zeros(1)).is_last
