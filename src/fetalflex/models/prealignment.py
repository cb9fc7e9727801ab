"""Align layout latents with the image that surrounds them."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn


class PreAlignment(ModelMixin, ConfigMixin):
    r"""Modulate layout latents by the visible background, before the ControlNet sees them.

    With h the latents of the masked background and the ROI mask, a small network predicts a scale γ(h) and a shift
    β(h) per pixel and channel:

    .. math:: \mathrm{aligned} = (1 + γ(h)) ⊙ \mathrm{layout} + β(h)

    The result is concatenated with the plain layout latents, and with the label channels if there are any. The last
    layer starts at zero, so that training starts from the unmodulated layout. Nothing here depends on the time step:
    compute it once per image.

    Args:
        latent_channels: Channels C of the VAE's latent.
        hidden_channels: Channels of the hidden layers.
    """

    @register_to_config
    def __init__(self, latent_channels: int, hidden_channels: int = 48) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(latent_channels + 1, hidden_channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=2, dilation=2),
            nn.SiLU(),
        )
        self.modulation = nn.Conv2d(hidden_channels, 2 * latent_channels, 3, padding=1)
        self.leave_layout()

    def leave_layout(self) -> None:
        """Set γ and β to zero, in place: the layout then passes unmodulated."""
        for parameter in self.modulation.parameters():
            nn.init.zeros_(parameter)

    def forward(self, layout: Tensor, background: Tensor, roi_mask: Tensor) -> Tensor:
        """Return the ControlNet's condition.

        Args:
            layout: Latents of the layout map, scaled as the denoiser sees latents, and label channels,
                (B, C + K, h, w).
            background: Latents of the image with its ROI blanked, (B, C, h, w), scaled likewise.
            roi_mask: 1 where the image is to be synthesised, 0 where it is known, (B, 1, h, w).

        Returns:
            Aligned and plain layout latents and label channels, (B, 2C + K, h, w).
        """
        hidden = self.features(torch.cat([background, roi_mask], dim=1))
        scale, shift = self.modulation(hidden).chunk(2, dim=1)
        return torch.cat([(1 + scale) * layout[:, : scale.shape[1]] + shift, layout], dim=1)
