"""Prompts as people write them, for training: partial, reworded, and with what is absent."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fetalflex.anatomy import Layout, Registry

_START = "fetal ultrasound"
_REWORDED = 0.3
_DROPPED = 0.25
_NEGATED = 0.6
_MOST_NEGATED = 2


def draw_wording(layout: Layout, absent: Sequence[str], registry: Registry, rng: np.random.Generator) -> str:
    """Draw a prompt for an image.

    It names the plane and most of the structures, some of them by a synonym, in any order, and with a probability of
    0.6 one or two that are not there, as `without stomach`.

    Args:
        layout: What the image shows.
        absent: Structures that were looked for and are not there.
        registry: Knows titles and synonyms.
        rng: Decides.
    """
    plane = registry.plane(layout.plane)
    parts = [_START, _one_of((plane.title, *plane.synonyms), rng)]
    names = [name for name in rng.permutation(np.array(layout.names(), object)) if rng.random() >= _DROPPED]
    if names:
        parts.append(f"with {_words(names[0], registry, rng)}")
        parts.extend(_words(name, registry, rng) for name in names[1:])
    if len(absent) and rng.random() < _NEGATED:
        count = int(rng.integers(1, min(_MOST_NEGATED, len(absent)) + 1))
        parts.extend(f"without {_words(name, registry, rng)}" for name in rng.permutation(list(absent))[:count])
    return ", ".join(parts).lower()


def _words(name: str, registry: Registry, rng: np.random.Generator) -> str:
    structure = registry.structure(str(name))
    return _one_of((structure.name.replace("_", " "), structure.title, *structure.synonyms), rng)


def _one_of(names: Sequence[str], rng: np.random.Generator) -> str:
    """Return the first name, or one of the others."""
    if len(names) == 1 or rng.random() >= _REWORDED:
        return names[0].replace("_", " ")
    return names[int(rng.integers(1, len(names)))].replace("_", " ")
