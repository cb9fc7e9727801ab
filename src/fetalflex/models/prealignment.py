"""Align layout latents with the image that surrounds them."""

from __future__ import annotations

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

_REGION = 4.0


class PreAlignment(ModelMixin, ConfigMixin):
    r"""Modulate layout latents by the visible background, before the ControlNet sees them.

    With h the latents of the masked background and the ROI mask, a small network predicts a scale γ(h) and a shift
    β(h) per pixel and channel:

    .. math:: \mathrm{aligned} = (1 + γ(h)) ⊙ \mathrm{layout} + β(h)

    The result is concatenated with the plain layout latents, and with the label channels if there are any. The last
    layer starts at zero, so that training starts from the unmodulated layout. Nothing here depends on the time step:
    compute it once per image.

    Without modulation, for comparison, the background's latents stand in the place of the aligned layout, their region
    marked by a value of 4 that no latent reaches: the ControlNet is told the same, and only the alignment is missing.

    Args:
        latent_channels: Channels C of the VAE's latent.
        hidden_channels: Channels of the hidden layers.
        modulates: Whether the layout is modulated.
    """

    @register_to_config
    def __init__(self, latent_channels: int, hidden_channels: int = 48, modulates: bool = True) -> None:
        super().__init__()
        del modulates  # `forward` reads it from the config, where `modulate` changes it
        self.features = nn.Sequential(
            nn.Conv2d(latent_channels + 1, hidden_channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=2, dilation=2),
            nn.SiLU(),
        )
        self.modulation = nn.Conv2d(hidden_channels, 2 * latent_channels, 3, padding=1)
        for parameter in self.modulation.parameters():  # γ and β
            nn.init.zeros_(parameter)

    def modulate(self, on: bool) -> None:
        """Turn modulation on or off, in place."""
        self.register_to_config(modulates=on)

    def forward(self, layout: Tensor, background: Tensor, roi_mask: Tensor) -> Tensor:
        """Return the ControlNet's condition.

        Args:
            layout: Latents of the layout map, scaled as the denoiser sees latents, and label channels,
                (B, C + K, h, w).
            background: Latents of the image with its ROI blanked, (B, C, h, w), scaled likewise.
            roi_mask: 1 where the image is to be synthesised, 0 where it is known, (B, 1, h, w).

        Returns:
            Aligned and plain layout latents and label channels, (B, 2C + K, h, w); background, marked, in place of the
            aligned layout if it is not modulated.
        """
        if not self.config.modulates:
            return torch.cat([torch.where(roi_mask > 0, _REGION, background), layout], dim=1)
        hidden = self.features(torch.cat([background, roi_mask], dim=1))
        scale, shift = self.modulation(hidden).chunk(2, dim=1)
        return torch.cat([(1 + scale) * layout[:, : scale.shape[1]] + shift, layout], dim=1)
