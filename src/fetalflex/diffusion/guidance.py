"""Classifier-free guidance on prompt and layout, separately."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fetalflex.errors import FetalFlexError


@dataclass(frozen=True)
class Guidance:
    """Say how strongly the prompt and the layout pull.

    With ε(p, l) the prediction under prompt p and layout l, and ∅ their null values:

        ε̂ = ε(∅, ∅) + prompt · [ε(p, ∅) - ε(∅, ∅)] + layout · [ε(p, l) - ε(p, ∅)]

    At (1, 1) this is ε(p, l), and only that is computed.

    Args:
        prompt: Weight of the prompt; 1 is off.
        layout: Weight of the layout; 1 is off.
    """

    prompt: float = 1.0
    layout: float = 1.0

    def __post_init__(self) -> None:
        for name in ("prompt", "layout"):
            weight = getattr(self, name)
            if not 0 <= weight <= 30:
                raise FetalFlexError(f"guidance.{name} is {weight}; choose a number from 0 to 30, 1 is off")

    def terms(self) -> dict[tuple[bool, bool], float]:
        """Return the weight of each prediction needed, by (with prompt, with layout)."""
        weights = {
            (False, False): 1.0 - self.prompt,
            (True, False): self.prompt - self.layout,
            (True, True): self.layout,
        }
        return {key: weight for key, weight in weights.items() if weight != 0.0}

    def combine(self, predictions: list[Tensor]) -> Tensor:
        """Return ε̂ from the predictions of `terms`, in that order."""
        weighted = [w * p for w, p in zip(self.terms().values(), predictions, strict=True)]
        total = weighted[0]
        for term in weighted[1:]:
            total = total + term
        return total


DEFAULT_GUIDANCE = Guidance(layout=2.0)
"""What is used where nobody says otherwise: the layout is strengthened, which draws structures clearly."""
