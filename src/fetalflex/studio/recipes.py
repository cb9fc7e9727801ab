"""The edits that lead from one layout to another, as a recipe for the command line."""

from __future__ import annotations

from collections import Counter

from fetalflex.anatomy import Add, Box, Edit, Layout, Move, PlacedStructure, Recipe, Remove, Resize, Rotate

_NOTHING = 1e-6


def recipe_between(before: Layout, after: Layout) -> Recipe:
    """Return edits that turn one layout of an image into another, up to the order of its structures.

    Structures of one name are matched in their order. Each change is for its box alone.

    Example:
        >>> recipe_between(before, after).apply(before, registry)                       # doctest: +SKIP
    """
    changes: list[Edit] = []
    removals: list[Edit] = []
    additions: list[Edit] = []
    seen: Counter[str] = Counter()
    counts = Counter(item.name for item in before.structures)
    for old in before.structures:
        index = seen[old.name]
        seen[old.name] += 1
        reference = old.name if counts[old.name] == 1 else f"{old.name}[{index}]"
        now = after.find(old.name)
        if index < len(now):
            changes += _changes(reference, old.box, now[index].box)
        else:
            removals.insert(0, Remove(reference))  # from the last on, so that the others keep their numbers
    for name in after.names():
        additions += [_addition(item) for item in after.find(name)[counts[name] :]]
    return Recipe((*changes, *removals, *additions))


def _changes(reference: str, old: Box, new: Box) -> list[Edit]:
    edits: list[Edit] = []
    if abs(new.cx - old.cx) > _NOTHING or abs(new.cy - old.cy) > _NOTHING:
        edits.append(Move(reference, new.cx - old.cx, new.cy - old.cy, alone=True))
    if abs(new.width - old.width) > _NOTHING or abs(new.height - old.height) > _NOTHING:
        edits.append(Resize(reference, new.width, new.height, alone=True))
    if abs(new.angle - old.angle) > _NOTHING:
        edits.append(Rotate(reference, new.angle - old.angle, alone=True))
    return edits


def _addition(item: PlacedStructure) -> Edit:
    box = item.box
    return Add(item.name, box.cx, box.cy, box.width, box.height, box.angle)
