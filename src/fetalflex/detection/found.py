"""What a detector found in one image."""

from __future__ import annotations

from dataclasses import dataclass

from fetalflex.anatomy import Layout, Registry
from fetalflex.files.json_files import JsonObject

REVIEW_BELOW = 0.5
"""What scores less than this is to be looked at."""


@dataclass(frozen=True)
class Detection:
    """A layout that was found, and how sure the detector is.

    Args:
        layout: Plane, and at most one box per structure, inside the image.
        scores: Of each box, in the layout's order, 0 to 1.
        plane_score: Of the plane, 0 to 1; 1 if it was given.
    """

    layout: Layout
    scores: tuple[float, ...]
    plane_score: float = 1.0

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.layout.structures):
            raise ValueError(f"{len(self.scores)} scores for {len(self.layout.structures)} boxes")

    def at_least(self, score: float) -> Detection:
        """Return the detection without the boxes that score less."""
        kept = [(placed, own) for placed, own in zip(self.layout.structures, self.scores, strict=True) if own >= score]
        layout = self.layout.with_structures(placed for placed, _ in kept)
        return Detection(layout, tuple(own for _, own in kept), self.plane_score)

    def score_of(self, name: str) -> float | None:
        """Return the score of the structure of that name, None if it was not found."""
        scores = [score for placed, score in self._scored() if placed == name]
        return max(scores, default=None)

    def doubts(self, registry: Registry, below: float = REVIEW_BELOW) -> list[str]:
        """Return what a person should look at, one phrase each.

        These are low scores, an outline that was not found, and structures whose centre lies outside the outline.

        Args:
            registry: Knows the plane's outline.
            below: What scores less than this.
        """
        found = []
        if self.plane_score < below:
            found.append(f"plane {self.plane_score:.2f}")
        found += [f"{name} {score:.2f}" for name, score in self._scored() if score < below]
        name = registry.plane(self.layout.plane).outline
        outline = self.layout.outline(registry)
        if not self.layout.structures:
            found.append("no box")
        elif outline is not None:
            outside = (one for one in self.layout.structures if not outline.box.contains(one.box.cx, one.box.cy))
            found += [f"{one.name} outside the {name}" for one in outside]
        elif name is not None:
            found.append(f"no {name}")
        return found

    def extra(self, registry: Registry, below: float = REVIEW_BELOW) -> JsonObject:
        """Return what a data set keeps of it beside the layout: fields of a record's `extra`, JSON values."""
        return {
            "scores": [round(score, 4) for score in self.scores],
            "plane_score": round(self.plane_score, 4),
            "review": self.doubts(registry, below),
        }

    def _scored(self) -> list[tuple[str, float]]:
        return [(placed.name, score) for placed, score in zip(self.layout.structures, self.scores, strict=True)]
