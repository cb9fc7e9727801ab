"""Latents that shrink, turn and flip as images do.

An autoencoder is free to hide what it likes at the finest resolution of its latents, and does; a denoiser then has to
predict what is near noise. If latents that were shrunk must decode to the image that was shrunk, what is coarse in the
image is coarse in the latents (Skorokhodov et al. 2025, arXiv:2502.14831; Kouzelis et al. 2025, arXiv:2502.09509).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_FACTORS = (2, 4)
_LARGEST_TURN = 10.0
_LARGEST_SHRINKING_SIDE = 16  # of the image in latent pixels, below which a second halving leaves too little


@dataclass(frozen=True)
class Move:
    """A change that both images and latents undergo: shrink, flip left-right, turn about the centre.

    Args:
        factor: By which to shrink, a whole number.
        turn: Degrees.
        flip: Whether to flip.
    """

    factor: int
    turn: float
    flip: bool

    @classmethod
    def draw(cls, side: int, generator: torch.Generator) -> Move:
        """Draw a move for latents of `side` pixels."""
        number, turn, flip = torch.rand(3, generator=generator).tolist()
        factors = _FACTORS if side >= _LARGEST_SHRINKING_SIDE else _FACTORS[:1]
        return cls(factors[int(number * len(factors))], (2 * turn - 1) * _LARGEST_TURN, flip < 0.5)

    def apply(self, x: Tensor) -> Tensor:
        """Return images or latents (B, C, H, W) moved, (B, C, H / factor, W / factor)."""
        x = F.avg_pool2d(x.float(), self.factor)
        angle, mirror = math.radians(self.turn), -1.0 if self.flip else 1.0
        cos, sin = math.cos(angle), math.sin(angle)
        matrix = torch.tensor([[mirror * cos, -mirror * sin, 0.0], [sin, cos, 0.0]], device=x.device)
        grid = F.affine_grid(matrix.expand(len(x), 2, 3), list(x.shape), align_corners=False)
        return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def high_frequency_share(latents: Tensor) -> float:
    """Return the power of latents at a radial frequency of 8 cycles, relative to that below one; 1 for white noise.

    Mean over channels and samples, each with its mean taken away.

    Args:
        latents: (B, C, h, w), h and w at least 17.

    Returns:
        The share; NaN for smaller latents.
    """
    height, width = latents.shape[-2:]
    if min(height, width) < 17:
        return math.nan
    centred = latents.double() - latents.double().mean(dim=(0, 2, 3), keepdim=True)
    power = torch.fft.fft2(centred).abs().square().mean(dim=(0, 1))
    rows, columns = (torch.fft.fftfreq(side, 1 / side, device=latents.device) for side in (height, width))
    radius = torch.hypot(rows[:, None], columns[None, :]).round()
    return float(power[radius == 8].mean() / power[radius == 0].mean())
