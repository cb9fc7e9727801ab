"""Pairs of prompts that differ in whether one structure is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fetalflex.anatomy import Layout, Registry
from fetalflex.anatomy.prompts import global_prompt


@dataclass(frozen=True)
class PromptPair:
    """A prompt that names a structure, and one that says it is absent."""

    naming: str
    negating: str


def training_wording(layout: Layout, structure: str, registry: Registry) -> PromptPair:
    """Word both prompts as training does: plane, all other structures of the layout, and `with` or `without` this one.

    Example:
        `fetal ultrasound, abdominal transverse plane, with abdomen, spine, without stomach`
    """
    others = layout.with_structures(one for one in layout.structures if one.name != structure)
    return PromptPair(
        global_prompt(layout, registry), global_prompt(others, registry, f"without {_words(structure, registry)}")
    )


def plain_wording(layout: Layout, structure: str, registry: Registry) -> PromptPair:
    """Word both prompts as someone types them in a hurry: plane and this structure alone.

    Example:
        `abdominal transverse plane without stomach`
    """
    plane, words = registry.plane(layout.plane).title.lower(), _words(structure, registry)
    return PromptPair(f"{plane} with {words}", f"{plane} without {words}")


WORDINGS: Mapping[str, Callable[[Layout, str, Registry], PromptPair]] = {
    "training": training_wording,
    "plain": plain_wording,
}
"""Wordings by their names; `layout` is what the image shows, the structure included."""


def _words(structure: str, registry: Registry) -> str:
    return registry.structure(structure).name.replace("_", " ")
