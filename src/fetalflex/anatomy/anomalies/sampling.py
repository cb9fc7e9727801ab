"""Sampling: draw an anomaly's values, build its recipe, and draw again if it is not possible."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fetalflex.anatomy.anomalies.changes import ANY, Change
from fetalflex.anatomy.anomalies.demands import Test
from fetalflex.anatomy.anomalies.directions import Directions
from fetalflex.anatomy.anomalies.repair import repairing_moves
from fetalflex.anatomy.anomalies.rules import Plausibility, Rules
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.anatomy.anomalies.variant import Variant
from fetalflex.anatomy.edits import Edit, Move
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.recipe import Recipe
from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError

DRAWS = 64


@dataclass(frozen=True)
class Programme:
    """One grade of an anomaly, ready to be drawn; see `Anomaly` and `Severity` for the fields.

    `tests` gives what can be tested on an image, where the anomaly is for any structure that of the one drawn.
    """

    anomaly: str
    severity: str
    changes: tuple[Change, ...]
    values: Mapping[str, tuple[float, float]]
    prompt_words: tuple[str, ...]
    organs: tuple[str, ...]
    tests: Callable[[str | None], tuple[Test, ...]] = lambda _: ()


def draw_variant(
    programmes: Sequence[Programme],
    layout: Layout,
    registry: Registry,
    rules: Rules,
    directions: Directions,
    seed: int,
    structure: str | None,
) -> Variant:
    """Draw one of the programmes, and its values until the result is possible, at most 64 times.

    Args:
        programmes: grades, all of one anomaly.
        layout: layout to start from.
        registry: planes and structures.
        rules: what is possible.
        directions: what directions mean.
        seed: of all that is drawn.
        structure: canonical name of the one that stands for `any`; None = one of the layout's, drawn.

    Raises:
        FetalFlexError: no draw was possible, with the reason of the last one.
    """
    dice = random.Random(seed)
    programme = programmes[int(dice.random() * len(programmes))]
    for_any = any(change.structure == ANY for change in programme.changes)
    names = _choices(layout, registry, structure) if for_any else ()
    for _ in range(DRAWS):
        name = names[int(dice.random() * len(names))] if names else None
        values = {key: low + (high - low) * dice.random() for key, (low, high) in programme.values.items()}
        try:
            return _variant(programme, Scene(layout, registry, directions), rules, seed, values, name)
        except FetalFlexError as error:
            reason = error
    raise FetalFlexError(
        f"{programme.anomaly}, {programme.severity}: nothing possible in {DRAWS} draws, in the last because {reason}; "
        "try another severity, structure or layout"
    ) from reason


def _choices(layout: Layout, registry: Registry, structure: str | None) -> tuple[str, ...]:
    if structure is not None:
        return (structure,)
    names = tuple(name for name in layout.names() if name != registry.plane(layout.plane).outline)
    if not names:
        raise FetalFlexError("the layout holds no structure beside its outline; name the one to change")
    return names


def _variant(
    programme: Programme, scene: Scene, rules: Rules, seed: int, values: Mapping[str, float], structure: str | None
) -> Variant:
    """Build the variant of drawn values; raises FetalFlexError if it is not possible."""
    before, registry = scene.layout, scene.registry
    plausibility = Plausibility(before, registry, rules)
    edits: list[Edit] = []
    repairs: list[str] = []
    for change in programme.changes:
        concrete = change if structure is None else change.for_structure(structure)
        made = concrete.edits(scene, values)
        edits += made
        scene = scene.after(made)
        if made and concrete.repairable():
            for position in _positions_to_repair(scene, concrete.structure):
                moves = repairing_moves(scene, position, plausibility)
                edits += moves
                repairs += [_sentence(scene, position, moves)] if moves else []
                scene = scene.after(moves)
    recipe = Recipe(tuple(edits))
    after = recipe.apply(before, registry)
    if after == before:
        raise FetalFlexError("nothing would change")
    if found := plausibility.problems(after):
        raise FetalFlexError(found[0])
    organs = tuple(dict.fromkeys(structure if name == ANY and structure else name for name in programme.organs))
    words = programme.prompt_words
    return Variant(
        programme.anomaly,
        programme.severity,
        structure,
        seed,
        values,
        recipe,
        before,
        after,
        words,
        organs,
        tuple(repairs),
        programme.tests(structure),
    )


def _positions_to_repair(scene: Scene, name: str) -> list[int]:
    """Return the positions of a name, of the outline that of the largest alone, which takes the others along."""
    positions = scene.positions(name)
    if not scene.is_outline(name):
        return positions
    return [max(positions, key=lambda position: scene.layout.structures[position].box.area)]


def _sentence(scene: Scene, position: int, moves: tuple[Edit, ...]) -> str:
    first = moves[0]
    distance = math.hypot(first.dx, first.dy) if isinstance(first, Move) else 0.0
    return f"{scene.layout.structures[position].name} was moved by {distance:.1f} px to where it is possible"
