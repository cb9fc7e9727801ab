"""Random variation of a normal layout, as edits."""

from __future__ import annotations

import random

from fetalflex.anatomy import Edit, Layout, Move, Recipe, Registry, Scale
from fetalflex.anatomy.anomalies import Plausibility, Rules
from fetalflex.augment.plan import Variation
from fetalflex.errors import FetalFlexError

_DRAWS = 64
_DIGITS = 3


def varied(layout: Layout, variation: Variation, seed: int, registry: Registry, rules: Rules) -> Recipe:
    """Return edits that move and scale every structure but the outline; the same arguments give the same ones.

    What cannot be, because a structure would leave the outline or overlap another, is drawn again.

    Args:
        layout: Of a normal image.
        variation: How much.
        seed: Of what is drawn.
        registry: Planes and structures.
        rules: What is possible.

    Raises:
        FetalFlexError: If nothing possible was drawn.
    """
    dice = random.Random(seed)
    plausibility = Plausibility(layout, registry, rules)
    reason = ""
    for _ in range(_DRAWS):
        recipe = Recipe(tuple(_edits(layout, variation, dice, registry)))
        try:
            found = plausibility.problems(recipe.apply(layout, registry))
        except FetalFlexError as error:
            found = [str(error)]
        if not found:
            return recipe
        reason = found[0]
    raise FetalFlexError(f"no possible variation in {_DRAWS} draws, in the last because {reason}; vary less")


def _edits(layout: Layout, variation: Variation, dice: random.Random, registry: Registry) -> list[Edit]:
    outline = layout.outline(registry)
    extent = max(outline.box.width, outline.box.height) if outline else max(layout.width, layout.height)
    outline_name = registry.plane(layout.plane).outline
    edits: list[Edit] = []
    for name in layout.names():
        for index in range(len(layout.find(name)) if name != outline_name else 0):
            reference = f"{name}[{index}]"
            dx, dy = (round(dice.uniform(-1, 1) * variation.shift * extent, _DIGITS) for _ in range(2))
            fx, fy = (round((1 + variation.scale) ** dice.uniform(-1, 1), _DIGITS) for _ in range(2))
            edits += [Move(reference, dx, dy), Scale(reference, fx, fy)]
    return edits
