"""The adversary of the autoencoder's decoder: tells real patches from reconstructed ones by their texture."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

_STRIDES = (1, 2, 2, 2)
_LARGEST_WEIGHT = 10.0


class PatchDiscriminator(nn.Module):
    """Score the patches of grey images, given their latents: Isola et al. 2017, conditioned on what is to be drawn.

    Knowing the latent, it can demand the texture that belongs to a place, not just a likely one.

    Args:
        channels: Of the first layer; they double with each halving of the resolution.
        latent_channels: Channels of the latents, whose resolution is an eighth of the image's.
    """

    def __init__(self, channels: int, latent_channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        previous = 1
        for number, stride in enumerate(_STRIDES):
            width = channels * 2 ** max(0, number - 1)
            layers.append(nn.Conv2d(previous, width, 3 if stride == 1 else 4, stride, 1))
            if number > 1:
                layers.append(nn.GroupNorm(8, width))
            layers.append(nn.LeakyReLU(0.2))
            previous = width
        self.texture = nn.Sequential(*layers)
        self.latent = nn.Conv2d(latent_channels, channels, 1)
        self.score = nn.Sequential(
            nn.Conv2d(previous + channels, previous, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(previous, 1, 3, padding=1),
        )

    def forward(self, grey: Tensor, latents: Tensor) -> Tensor:
        """Return scores (B, 1, h, w), high for real ones.

        Args:
            grey: Images (B, 1, H, W) in [-1, 1].
            latents: What they are, or were made, of, (B, C, h, w).
        """
        features = self.texture(grey)
        given = F.interpolate(self.latent(latents), size=features.shape[-2:])
        scores: Tensor = self.score(torch.cat([features, given], dim=1))
        return scores


def discriminator_loss(network: PatchDiscriminator, real: Tensor, made: Tensor, latents: Tensor) -> Tensor:
    """Return the hinge loss by which the discriminator learns, and nothing else does.

    Args:
        network: The discriminator.
        real: Images (B, 1, H, W) in [-1, 1].
        made: Their reconstructions.
        latents: Their latents (B, C, h, w).
    """
    given = latents.detach()
    scores = network(torch.cat([real, made.detach()]), torch.cat([given, given])).float()
    of_real, of_made = scores.chunk(2)
    return 0.5 * (F.relu(1 - of_real).mean() + F.relu(1 + of_made).mean())


def deception_loss(network: PatchDiscriminator, made: Tensor, latents: Tensor) -> Tensor:
    """Return how little the discriminator is deceived by reconstructions; it does not learn by this."""
    frozen = {name: parameter.detach() for name, parameter in network.named_parameters()}
    scores: Tensor = functional_call(network, frozen, (made, latents.detach()))
    return -scores.float().mean()


def balancing_weight(loss: Tensor, adversarial: Tensor, last_layer: Tensor) -> Tensor:
    """Return by what to multiply an adversarial loss so that it pulls at the last layer as strongly as the other one.

    Esser et al. 2021, equation 7, at most 10.

    Args:
        loss: The reconstruction's loss.
        adversarial: The adversarial loss.
        last_layer: Weights of the decoder's last layer.
    """
    pulls = [torch.autograd.grad(one, last_layer, retain_graph=True)[0].float().norm() for one in (loss, adversarial)]
    return (pulls[0] / (pulls[1] + 1e-4)).clamp(0, _LARGEST_WEIGHT).detach()
