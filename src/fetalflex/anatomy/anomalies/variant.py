"""Variant: one drawn case of an anomaly on a layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fetalflex.anatomy.anomalies.demands import Test
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.prompts import global_prompt
from fetalflex.anatomy.recipe import Recipe
from fetalflex.anatomy.region import draw_structures_mask
from fetalflex.anatomy.registry import Registry
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, repr=False)
class Variant:
    """One case of an anomaly; `recipe.apply(before, registry)` gives `after`.

    Args:
        anomaly: name of the anomaly.
        severity: name of the grade.
        structure: structure that was asked for, where the anomaly is for any.
        seed: what it was drawn with.
        values: what was drawn, by name.
        recipe: edits that turn the layout before into that after.
        before: layout to start from.
        after: layout with the anomaly.
        prompt_words: words for the prompt.
        organs: names of the structures to re-synthesise (OSM).
        repairs: sentences that say what was moved to make the variant possible.
        tests: what can be tested on an image that shall show it.
    """

    anomaly: str
    severity: str
    structure: str | None
    seed: int
    values: Mapping[str, float]
    recipe: Recipe
    before: Layout
    after: Layout
    prompt_words: tuple[str, ...]
    organs: tuple[str, ...]
    repairs: tuple[str, ...]
    tests: tuple[Test, ...] = ()

    def __repr__(self) -> str:
        of = f" of {self.structure}" if self.structure else ""
        return f"Variant({self.anomaly}, {self.severity}{of}, seed {self.seed}: {len(self.recipe.edits)} edits)"

    def prompt(self, registry: Registry) -> str:
        """Return the prompt of the layout with the anomaly and its words."""
        return global_prompt(self.after, registry, ", ".join(self.prompt_words))

    def organ_boxes(self) -> tuple[PlacedStructure, ...]:
        """Return the boxes of the organs, where they were and where they are now, each once."""
        placed = (item for layout in (self.before, self.after) for item in layout.structures)
        return tuple(dict.fromkeys(item for item in placed if item.name in self.organs))

    def organ_mask(self, registry: Registry, margin: float = 0.02) -> NDArray[np.bool_]:
        """Draw the region of the organs, (H, W) bool; `margin` is a fraction of the longer image side."""
        return draw_structures_mask(self.organ_boxes(), self.before, registry, margin)

    def to_dict(self, registry: Registry) -> JsonObject:
        """Return plain values, for JSON."""
        return {
            "anomaly": self.anomaly,
            "severity": self.severity,
            "structure": self.structure,
            "seed": self.seed,
            "values": dict(self.values),
            "prompt": self.prompt(registry),
            "prompt_words": list(self.prompt_words),
            "organ_boxes": [{"name": item.name, "box": item.box.to_dict()} for item in self.organ_boxes()],
            "repairs": list(self.repairs),
            "recipe": self.recipe.to_dict(),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
        }
