"""How SSA smooths structures; see `anisotropic` for the mathematics. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from fetalflex.errors import FetalFlexError

Smoothed = Literal["latent", "estimate"]


@dataclass(frozen=True)
class Smoothing:
    """The anisotropic diffusion of SSA, the paper's first stage: equations 6 to 9.

    After each sampling step, with A the diffusion of `iterations` rounds and w_t = weight · (1 - ᾱ_t)^decay:

        x_t ← x_t + w_t · [A(x_t) - x_t]                  smoothed = "latent", as the paper writes it
        x_t ← x_t + w_t · √ᾱ_t · [A(x̂_0) - x̂_0]           smoothed = "estimate": the noise in x_t is left alone

    Args:
        iterations: Rounds of diffusion per sampling step, n.
        rate: Step δ of a round, in (0, 1/4]; up to there no value leaves the range of its neighbours.
        edge_quantile: Quantile of the sample's differences between neighbours that is taken as κ; differences well
            above κ are edges and stay.
        weight: How strongly it smooths at high noise; 1 replaces the latent by the smoothed one.
        decay: How fast the share falls towards the clean end, where speckle forms; 0 keeps it.
        smoothed: What is smoothed.
    """

    iterations: int = 2
    rate: float = 0.2
    edge_quantile: float = 0.5
    weight: float = field(default=1.0, metadata={"low": 0, "high": 1})
    decay: float = 1.0
    smoothed: Smoothed = "estimate"

    def __post_init__(self) -> None:
        for name, low, high in (("rate", 0.0, 0.25), ("edge_quantile", 0.0, 1.0), ("weight", 0.0, 1.0)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise FetalFlexError(f"smoothing.{name} is {value}; choose a number from {low:g} to {high:g}")
        if not 0 <= self.decay <= 100:
            raise FetalFlexError(f"smoothing.decay is {self.decay}; choose a number from 0 to 100")
        if not isinstance(self.iterations, int) or not 1 <= self.iterations <= 1000:
            raise FetalFlexError(f"smoothing.iterations is {self.iterations}; choose a whole number from 1 to 1000")
        if self.smoothed not in get_args(Smoothed):
            raise FetalFlexError(f"smoothing.smoothed is {self.smoothed!r}; choose 'latent' or 'estimate'")
