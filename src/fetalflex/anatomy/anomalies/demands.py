"""Demands: what must be seen in an image for it to show an anomaly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fetalflex.anatomy.anomalies.changes import ANY
from fetalflex.checks import finite_number, one_of
from fetalflex.errors import FetalFlexError

LOOKS = ("fluid", "bright", "ring")
SEE, MISS, GAP = "see", "miss", "gap"
KINDS = (SEE, MISS, GAP)


@dataclass(frozen=True)
class Sign:
    """How a structure is recognised by its grey values.

    Args:
        look: `fluid` = dark against what lies round it, `bright` = bright against it, `ring` = the ellipse in its box
            stands out.
        at_least: share of the box that must be so, for a ring its contrast; above 0, up to 1.
    """

    look: str
    at_least: float

    def __post_init__(self) -> None:
        one_of(self.look, "look", LOOKS)
        _checked_share(self.at_least)


@dataclass(frozen=True)
class Demand:
    """Demand that an image shows a structure, or does not show it any more.

    Args:
        kind: `see` = the structure's sign in each of its boxes; `miss` = not that sign where it was before and is no
            more; `gap` = darker than the structure between its pieces.
        structure: canonical name, or `any` for the one that the user names.
        at_least: share in place of that of the structure's sign, for `see` alone.
    """

    kind: str
    structure: str
    at_least: float | None = None

    def __post_init__(self) -> None:
        one_of(self.kind, "demand", KINDS)
        if self.at_least is not None:
            if self.kind != SEE:
                raise FetalFlexError(f"at_least is for the demand see; leave it out of {self.kind}")
            _checked_share(self.at_least)

    def for_structure(self, name: str | None) -> Demand:
        """Return the demand with `any` replaced."""
        return replace(self, structure=name) if self.structure == ANY and name is not None else self


@dataclass(frozen=True)
class Test:
    """A demand with the sign of its structure, ready to be tested on an image."""

    __test__ = False  # for pytest

    demand: Demand
    sign: Sign

    @property
    def structure(self) -> str:
        """The structure that is looked for."""
        return self.demand.structure

    @property
    def limit(self) -> float:
        """What the sign must reach."""
        return self.sign.at_least if self.demand.at_least is None else self.demand.at_least

    def __str__(self) -> str:
        looks = {"fluid": "filled with fluid", "bright": "bright", "ring": "a bright ring"}[self.sign.look]
        name = self.structure.replace("_", " ")
        return {
            SEE: f"{name} {looks}",
            MISS: f"nothing {looks} where {name} was",
            GAP: f"a dark gap in {name}",
        }[self.demand.kind]


def testable(demands: tuple[Demand, ...], signs: Mapping[str, Sign], structure: str | None) -> tuple[Test, ...]:
    """Return what can be tested of some demands; a structure that has no sign cannot.

    Args:
        demands: what an anomaly demands.
        signs: how structures are recognised, by name.
        structure: canonical name of the one that stands for `any`.
    """
    bound = (demand.for_structure(structure) for demand in demands)
    return tuple(Test(demand, signs[demand.structure]) for demand in bound if demand.structure in signs)


def _checked_share(value: float) -> None:
    if not 0 < finite_number(value, "at_least") <= 1:
        raise FetalFlexError(f"at_least must be above 0 and up to 1, got {value:g}")
