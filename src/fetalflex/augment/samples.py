"""Samples: what each image of a data set to make shall show, and from which source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, PlacedStructure, Recipe, Registry, draw_structures_mask
from fetalflex.anatomy.anomalies import Variant
from fetalflex.data import Record

NORMAL = "normal"
ABNORMAL = "abnormal"
NONE = "none"
"""Anomaly and severity of a normal image: texts, so that both may name classes."""


@dataclass(frozen=True)
class Sample:
    """Hold one image to make.

    Args:
        number: Its place in the plan, from 1.
        entry: Position of its entry in the plan.
        record: The source image.
        recipe: Edits that lead from the source's layout to that of the image.
        after: What the image shall show.
        variant: The anomaly as it was drawn; None for a normal image.
        organs: Structures to work out once more; none if empty.
        substitute: The same image from another source, for when all attempts from this one have failed.
    """

    number: int
    entry: int
    record: Record
    recipe: Recipe
    after: Layout
    variant: Variant | None = None
    organs: tuple[str, ...] = ()
    substitute: Sample | None = None

    @property
    def candidates(self) -> tuple[Sample, ...]:
        """The sample, then its substitutes, each of them the substitute of the one before."""
        return (self, *(() if self.substitute is None else self.substitute.candidates))

    @property
    def before(self) -> Layout:
        """What the source shows."""
        return self.record.layout

    @property
    def plane(self) -> str:
        """Canonical name of the plane."""
        return self.record.layout.plane

    @property
    def labels(self) -> dict[str, str]:
        """The classes of the image: label, anomaly and severity."""
        if self.variant is None:
            return {"label": NORMAL, "anomaly": NONE, "severity": NONE}
        return {"label": ABNORMAL, "anomaly": self.variant.anomaly, "severity": self.variant.severity}

    @property
    def kind(self) -> str:
        """Anomaly, or `normal`."""
        return NORMAL if self.variant is None else self.variant.anomaly

    @property
    def file(self) -> str:
        """Name of the image file."""
        return f"{self.number:06d}-{self.kind}-{self.plane}.png"

    def prompt(self, registry: Registry) -> str | None:
        """Return the text for an anomaly; None for what follows from the layout alone."""
        return None if self.variant is None else self.variant.prompt(registry)

    def organ_mask(self, registry: Registry, margin: float) -> NDArray[np.bool_]:
        """Draw where the organs were and are, (H, W) bool; `margin` is a fraction of the longer image side."""
        return draw_structures_mask(dict.fromkeys(self._organ_boxes()), self.before, registry, margin)

    def has_organs(self) -> bool:
        """Say whether the layout before or after holds one of the organs."""
        return bool(self._organ_boxes())

    def _organ_boxes(self) -> list[PlacedStructure]:
        placed = (item for layout in (self.before, self.after) for item in layout.structures)
        return [item for item in placed if item.name in self.organs]

    def facts(self, registry: Registry) -> dict[str, Any]:
        """Return what the plan decided, as JSON values."""
        facts: dict[str, Any] = {
            "number": self.number,
            "entry": self.entry,
            "plane": self.plane,
            **self.labels,
            "source": {
                "file_name": self.record.file_name,
                "patient": self.record.patient_key,
                "split": self.record.split,
                "source": self.record.source,
            },
            "recipe": self.recipe.to_dict()["edits"],
            "prompt": self.prompt(registry),
            "organs": list(self.organs),
        }
        if self.variant is not None:
            facts["variant"] = {
                "structure": self.variant.structure,
                "seed": self.variant.seed,
                "values": dict(self.variant.values),
                "repairs": list(self.variant.repairs),
            }
        return facts
