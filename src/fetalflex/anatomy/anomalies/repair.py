"""Repair: move a structure by the least that makes a variant possible."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fetalflex.anatomy.anomalies.rules import Breach, Plausibility
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.anatomy.anomalies.shapes import Vector
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.edits import Edit, Move
from fetalflex.errors import FetalFlexError

_ROUNDS = 6
_HALVINGS = 16


def repairing_moves(scene: Scene, position: int, plausibility: Plausibility) -> tuple[Edit, ...]:
    """Return the moves that make the structure at a position possible, none if it is.

    What sticks out of the outline or the image is moved straight towards the centre of it, what overlaps another
    structure straight away from the centre of that, each by the least that helps, in turns. The outline takes what
    lies in it along. All in all nothing is moved by more than its own size (the square root of its area).

    Raises:
        FetalFlexError: such moves do not help.
    """
    item = scene.layout.structures[position]
    group = _moved_together(scene, position)
    shift, moved = (0.0, 0.0), scene
    breach = next(plausibility.breaches(scene.layout, position), None)
    for _ in range(_ROUNDS):
        if breach is None:
            return _moves(scene, group, shift)
        step = _least_shift(moved.layout.structures[position].box, breach)
        shift = shift[0] + step[0], shift[1] + step[1]
        if step == (0.0, 0.0) or math.hypot(*shift) > math.sqrt(item.box.area):
            break
        moved = scene.after(_moves(scene, group, shift))
        breach = next(plausibility.breaches(moved.layout, position), None)
    raise FetalFlexError(breach.sentence if breach else "repairing takes too many moves")


def _moved_together(scene: Scene, position: int) -> Sequence[int]:
    count = len(scene.layout.structures)
    return range(count) if scene.is_outline(scene.layout.structures[position].name) else [position]


def _moves(scene: Scene, group: Sequence[int], shift: Vector) -> tuple[Edit, ...]:
    return () if shift == (0.0, 0.0) else tuple(Move(scene.reference(i), *shift, alone=True) for i in group)


def _least_shift(box: Box, breach: Breach) -> Vector:
    """Return the shortest shift along the way out that keeps the limit, found by halving; none if there is none."""
    dx, dy = breach.way_out
    if breach.measure(box.translated(dx, dy)) > breach.limit:
        return 0.0, 0.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if breach.measure(box.translated(middle * dx, middle * dy)) > breach.limit:
            low = middle
        else:
            high = middle
    return high * dx, high * dy
