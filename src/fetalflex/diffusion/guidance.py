"""Classifier-free guidance on prompt, layout and edit, separately."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from numbers import Real
from typing import TYPE_CHECKING, Literal, NamedTuple

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from torch import Tensor

_RANGE = {"low": 0, "high": 30}


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
    """Weights of prompt, layout and edit. The default strengthens layout and edit, which draws structures clearly.

    With ε(p, l) the prediction under prompt p and layout l, ∅ their null values, and l₀ the layout before an edit:

        ε̂ = ε(∅, ∅) + prompt · [ε(p, ∅) - ε(∅, ∅)] + layout · [ε(p, l) - ε(p, ∅)] + edit · [ε(p, l) - ε(p, l₀)]

    The last term vanishes where the edit changes nothing, and so strengthens what it changes alone. Without an edit it
    is left out. At (1, 1, 0), which `Guidance.off()` gives, this is ε(p, l), and only that is computed.

    Example:
        >>> Guidance(prompt=3)
        Guidance(prompt=3, layout=1.5, edit=1.0)

    Args:
        prompt: Weight of classifier-free guidance on the prompt; 1 is off.
        layout: Weight of guidance on the layout; 1 is off.
        edit: Weight of guidance on what an edit changes; 0 is off.

    Raises:
        FetalFlexError: If a weight is not a number from 0 to 30.
    """

    prompt: float = field(default=1.0, metadata=_RANGE)
    layout: float = field(default=1.5, metadata=_RANGE)
    edit: float = field(default=1.0, metadata=_RANGE)

    def __post_init__(self) -> None:
        for one in fields(self):
            weight = getattr(self, one.name)
            off = int(one.name != "edit")
            if not isinstance(weight, Real) or not _RANGE["low"] <= float(weight) <= _RANGE["high"]:
                raise FetalFlexError(
                    f"guidance.{one.name} is {shown(weight)}; choose a number from 0 to 30, {off} is off"
                )

    @classmethod
    def off(cls) -> Guidance:
        """Return the guidance that strengthens nothing: one prediction a step, ε(p, l)."""
        return cls(prompt=1.0, layout=1.0, edit=0.0)

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
