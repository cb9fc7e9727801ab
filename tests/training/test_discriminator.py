from __future__ import annotations

import pytest
import torch

from fetalflex.training.discriminator import (
    PatchDiscriminator,
    balancing_weight,
    deception_loss,
    discriminator_loss,
)


@pytest.fixture
def network() -> PatchDiscriminator:
    torch.manual_seed(0)
    return PatchDiscriminator(8, 4)


def images(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 1, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


LATENTS = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(9))


def test_one_score_per_patch_of_eight_pixels(network: PatchDiscriminator) -> None:
    assert network(images(2, 0), LATENTS).shape == (2, 1, 8, 8)


def test_the_score_depends_on_the_latents(network: PatchDiscriminator) -> None:
    assert not torch.allclose(network(images(2, 0), LATENTS), network(images(2, 0), LATENTS.flip(0)))


def test_only_the_discriminator_learns_to_tell_and_only_what_made_the_images_to_deceive(
    network: PatchDiscriminator,
) -> None:
    made, latents = images(2, 1).requires_grad_(), LATENTS.clone().requires_grad_()
    discriminator_loss(network, images(2, 0), made, latents).backward()
    assert made.grad is None
    assert latents.grad is None
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.zero_grad()
    deception_loss(network, made, latents).backward()
    assert made.grad is not None
    assert latents.grad is None
    assert all(parameter.grad is None for parameter in network.parameters())


def test_it_learns_to_tell_smooth_images_from_noisy_ones(network: PatchDiscriminator) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for step in range(40):
        real = images(2, step)
        smooth = torch.nn.functional.avg_pool2d(real, 5, 1, 2)
        loss = discriminator_loss(network, real, smooth, LATENTS)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-5:]) < 0.3 * sum(losses[:5])
    real = images(2, 99)
    assert deception_loss(network, real, LATENTS) < deception_loss(
        network, torch.nn.functional.avg_pool2d(real, 5, 1, 2), LATENTS
    )


def test_the_weight_makes_both_losses_pull_alike() -> None:
    layer = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    weight = balancing_weight((layer * torch.tensor([3.0, 4.0])).sum(), (layer * torch.tensor([0.0, 2.0])).sum(), layer)
    assert weight.item() == pytest.approx(2.5, rel=1e-3)
    assert not weight.requires_grad
    weight = balancing_weight((layer * 50.0).sum(), (layer * 1e-3).sum(), layer)
    assert weight.item() == 10
