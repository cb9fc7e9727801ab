from __future__ import annotations

import contextlib

import pytest
import torch
from torch import nn

from fetalflex.training.ema import MovingAverage


def parameter(value: float) -> nn.Parameter:
    return nn.Parameter(torch.full((3,), value, dtype=torch.float64))


@pytest.mark.parametrize("batch", [1, 4, 20])
def test_a_constant_weight_is_approached_with_the_half_life(batch: int) -> None:
    """From 0 towards 1: after n images, 1 - 2^(-n / H), whatever the batch size."""
    weight = parameter(0.0)
    average = MovingAverage([weight], half_life=10, rampup=1e9)
    with torch.no_grad():
        weight.fill_(1.0)
    for seen in range(batch, 41, batch):
        average.update(seen, batch)
    assert average.average[0].tolist() == pytest.approx([1 - 0.5 ** (40 / 10)] * 3)


def test_changing_weights_are_averaged_with_the_closed_form() -> None:
    weight = parameter(0.0)
    average = MovingAverage([weight], half_life=8, rampup=1e9)
    values = [3.0, -1.0, 4.0, 1.5]
    for number, value in enumerate(values, 1):
        with torch.no_grad():
            weight.fill_(value)
        average.update(4 * number, 4)
    keep = 0.5 ** (4 / 8)
    expected = sum((1 - keep) * keep ** (len(values) - 1 - i) * value for i, value in enumerate(values))
    assert average.average[0].tolist() == pytest.approx([expected] * 3)


def test_early_on_the_half_life_is_a_share_of_the_images_seen() -> None:
    weight = parameter(0.0)
    average = MovingAverage([weight], half_life=1e9, rampup=0.5)
    with torch.no_grad():
        weight.fill_(1.0)
    average.update(100, 25)
    assert average.average[0].tolist() == pytest.approx([1 - 0.5 ** (25 / 50)] * 3)


def test_the_average_stands_in_for_the_weights_inside_the_block_only() -> None:
    weight = parameter(2.0)
    average = MovingAverage([weight], half_life=10)
    with torch.no_grad():
        weight.fill_(5.0)
    with contextlib.suppress(RuntimeError), average.applied():
        assert (weight == 2).all()
        raise RuntimeError
    assert (weight == 5).all()
    assert (average.average[0] == 2).all()


def test_the_average_is_a_copy() -> None:
    weight = parameter(2.0)
    average = MovingAverage([weight], half_life=10)
    with torch.no_grad():
        weight.add_(1)
    assert (average.average[0] == 2).all()
