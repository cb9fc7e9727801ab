from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fetalflex.training.checkpoints import CheckpointStore, RunProgress
from fetalflex.training.ema import MovingAverage
from fetalflex.training.memory_layout import in_layout_of


def convolution() -> nn.Conv2d:
    torch.manual_seed(0)
    return nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)


def adamw(network: nn.Module, fused: bool = True) -> torch.optim.AdamW:
    return torch.optim.AdamW(network.parameters(), lr=0.05, fused=fused)


def step(network: nn.Conv2d, optimizer: torch.optim.Optimizer, gradient: Tensor) -> None:
    network.weight.grad = in_layout_of(network.weight, gradient)
    optimizer.step()


@pytest.fixture
def gradients() -> list[Tensor]:
    return list(torch.randn(6, 4, 3, 3, 3, generator=torch.Generator().manual_seed(1)))


def test_values_stay_and_the_layout_is_the_parameters(gradients: list[Tensor]) -> None:
    weight = convolution().weight
    assert gradients[0].stride() != weight.stride()
    moved = in_layout_of(weight, gradients[0])
    assert moved.stride() == weight.stride()
    assert torch.equal(moved, gradients[0])
    assert in_layout_of(weight, moved) is moved
    counter = torch.tensor(3.0)
    assert in_layout_of(weight, counter) is counter


def test_the_fused_optimiser_steps_like_the_plain_one(gradients: list[Tensor]) -> None:
    fused, plain = convolution(), convolution()
    for network, optimizer in ((fused, adamw(fused)), (plain, adamw(plain, fused=False))):
        for gradient in gradients:
            step(network, optimizer, gradient)
    torch.testing.assert_close(fused.weight, plain.weight)


def test_a_restored_optimiser_goes_on_with_weights_that_lie_channels_last(
    tmp_path: Path, gradients: list[Tensor]
) -> None:
    store, whole, resumed = CheckpointStore(tmp_path), convolution(), convolution()
    optimizer = adamw(whole)
    for gradient in gradients[:3]:
        step(whole, optimizer, gradient)
    store.save(RunProgress(3), nn.ModuleDict({"a": whole}), MovingAverage([whole.weight], 10), optimizer)
    for gradient in gradients[3:]:
        step(whole, optimizer, gradient)

    optimizer = adamw(resumed)
    store.restore(nn.ModuleDict({"a": resumed}), MovingAverage([resumed.weight], 10), optimizer)
    for gradient in gradients[3:]:
        step(resumed, optimizer, gradient)
    assert resumed.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(resumed.weight, whole.weight)
