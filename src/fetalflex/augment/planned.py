"""Planned images: what each image of a set shall show, and the sources that it may be made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, PlacedStructure, Recipe, Registry, draw_structures_mask
from fetalflex.anatomy.anomalies import Variant
from fetalflex.data import Record
from fetalflex.files.json_files import JsonObject

NORMAL = "normal"
ABNORMAL = "abnormal"
NONE = "none"
"""Anomaly and severity of a normal image: texts, so that both may name classes."""

_SEED_BITS = 48  # so that programs that read numbers as floats get them right


@dataclass(frozen=True)
class Candidate:
    """One way to make a planned image: a source, and the edits that lead from its layout to that of the image.

    Args:
        number: Place of the image in the plan, from 1.
        entry: Position of its entry in the plan.
        record: The source image.
        recipe: Edits that lead from the source's layout to that of the image.
        after: What the image shall show.
        variant: The anomaly as it was drawn; None for a normal image.
        organs: Structures that are synthesised a second time (OSM); empty for none.
    """

    number: int
    entry: int
    record: Record
    recipe: Recipe
    after: Layout
    variant: Variant | None = None
    organs: tuple[str, ...] = ()

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

    def prompt(self, registry: Registry) -> str | None:
        """Return the text for an anomaly; None for what follows from the layout alone."""
        return None if self.variant is None else self.variant.prompt(registry)

    def organ_mask(self, registry: Registry, margin: float) -> NDArray[np.bool_]:
        """Draw where the organs were and are, (H, W) bool; `margin` is a fraction of the longer image side."""
        return draw_structures_mask(dict.fromkeys(self._organ_boxes()), self.before, registry, margin)

    def has_organs(self) -> bool:
        """Return whether the layout before or after holds one of the organs."""
        return bool(self._organ_boxes())

    def _organ_boxes(self) -> list[PlacedStructure]:
        placed = (item for layout in (self.before, self.after) for item in layout.structures)
        return [item for item in placed if item.name in self.organs]

    def facts(self, registry: Registry) -> JsonObject:
        """Return what the plan decided, as JSON values."""
        facts: JsonObject = {
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


@dataclass(frozen=True)
class PlannedImage:
    """An image to make.

    Args:
        candidates: Ways to make it, from different sources and of the same number, entry, plane and labels; the first
            that passes the checks is taken. At least one.
    """

    candidates: tuple[Candidate, ...]

    @property
    def first(self) -> Candidate:
        """The candidate that is tried first."""
        return self.candidates[0]

    @property
    def number(self) -> int:
        """Its place in the plan, from 1."""
        return self.first.number

    @property
    def entry(self) -> int:
        """Position of its entry in the plan."""
        return self.first.entry

    @property
    def plane(self) -> str:
        """Canonical name of the plane."""
        return self.first.plane

    @property
    def labels(self) -> dict[str, str]:
        """The classes of the image: label, anomaly and severity."""
        return self.first.labels

    @property
    def file(self) -> str:
        """Name of the image file."""
        kind = NORMAL if self.first.variant is None else self.first.variant.anomaly
        return f"{self.number:06d}-{kind}-{self.plane}.png"


def seed_at(seed: int, purpose: str, *place: int) -> int:
    """Return the seed of one draw, 0 to 2^48 - 1; it follows from the plan's seed and the place, and from nothing else.

    Args:
        seed: Of the plan.
        purpose: What is drawn.
        place: Where, such as the number of an image and of the attempt.
    """
    text = "/".join(map(str, (seed, purpose, *place)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - _SEED_BITS)
