"""Classifier-free guidance on prompt, layout and edit, separately."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from torch import Tensor

from fetalflex.errors import FetalFlexError


class Term(NamedTuple):
    """Name a prediction by what it is made under.

    Args:
        prompt: Under the prompt, or else under the null prompt.
        layout: Under the layout, under the null layout, or under the layout before the edit.
    """

    prompt: bool
    layout: Literal["given", "null", "before"]


@dataclass(frozen=True)
class Guidance:
    """Say how strongly prompt, layout and edit pull.

    With ε(p, l) the prediction under prompt p and layout l, ∅ their null values, and l₀ the layout before an edit:

        ε̂ = ε(∅, ∅) + prompt · [ε(p, ∅) - ε(∅, ∅)] + layout · [ε(p, l) - ε(p, ∅)] + edit · [ε(p, l) - ε(p, l₀)]

    The last term vanishes where the edit changes nothing, and so strengthens what it changes alone. Without an edit it
    is left out. At (1, 1, 0) this is ε(p, l), and only that is computed.

    Args:
        prompt: Weight of the prompt; 1 is off.
        layout: Weight of the layout; 1 is off.
        edit: Weight of what an edit has changed; 0 is off.
    """

    prompt: float = 1.0
    layout: float = 1.0
    edit: float = 0.0

    def __post_init__(self) -> None:
        for name, off in (("prompt", 1), ("layout", 1), ("edit", 0)):
            weight = getattr(self, name)
            if not 0 <= weight <= 30:
                raise FetalFlexError(f"guidance.{name} is {weight}; choose a number from 0 to 30, {off} is off")

    def without_edit(self) -> Guidance:
        """Return the guidance of a layout that was not edited."""
        return replace(self, edit=0.0)

    def terms(self) -> dict[Term, float]:
        """Return the weight of each prediction needed."""
        weights = {
            Term(False, "null"): 1.0 - self.prompt,
            Term(True, "null"): self.prompt - self.layout,
            Term(True, "given"): self.layout + self.edit,
            Term(True, "before"): -self.edit,
        }
        return {key: weight for key, weight in weights.items() if weight != 0.0}

    def combine(self, predictions: list[Tensor]) -> Tensor:
        """Return ε̂ from the predictions of `terms`, in that order."""
        weighted = [w * p for w, p in zip(self.terms().values(), predictions, strict=True)]
        total = weighted[0]
        for term in weighted[1:]:
            total = total + term
        return total


DEFAULT_GUIDANCE = Guidance(layout=2.0, edit=1.0)
"""What is used where nobody says otherwise: layout and edit are strengthened, which draws structures clearly."""
