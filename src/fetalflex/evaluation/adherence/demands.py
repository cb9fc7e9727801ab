"""Does an image show what an anomaly demands? Told by grey values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, Registry
from fetalflex.anatomy.anomalies import Test, Variant
from fetalflex.anatomy.anomalies.demands import GAP, SEE
from fetalflex.anatomy.box_pixels import inside_box
from fetalflex.evaluation.adherence.bright_area import bright_share_of
from fetalflex.evaluation.adherence.bright_ring import ring_contrast
from fetalflex.evaluation.adherence.dark_area import dark_share_of
from fetalflex.files.json_files import JsonObject

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Share = Callable[[Image, Mask, Box, Box | None], float]

GAP_GREY = 0.8
"""Grey of a gap over that of the pieces round it, at most: so it is in none of 97 annotated intact palates (validation
images of the Fetus Framework's set) for gaps drawn as the library draws them."""

_SHARES: dict[str, Share] = {"fluid": dark_share_of, "bright": bright_share_of}
_FEWEST_PIXELS = 16
_LEAST_LEFT = 0.25


@dataclass(frozen=True)
class Finding:
    """What was found of one demand.

    Args:
        test: What was tested.
        value: What was measured; NaN if it cannot be told.
        limit: What it must reach, or must not.
        met: Whether the demand is met; None if it cannot be told.
    """

    test: Test
    value: float
    limit: float
    met: bool | None

    def __str__(self) -> str:
        """Return what was not met, for people."""
        return f"{self.test} not seen: {self.value:.2f}, limit {self.limit:g}"

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        value = None if math.isnan(self.value) else round(self.value, 4)
        return {"demand": str(self.test), "value": value, "limit": self.limit, "met": self.met}


def judge_demands(image: Image, variant: Variant, registry: Registry) -> tuple[Finding, ...]:
    """Return what an image shows of what its anomaly demands; empty if nothing of it can be tested.

    Args:
        image: (H, W) uint8, a synthesis under the layout with the anomaly.
        variant: The anomaly as it was drawn.
        registry: Knows the planes' outlines.
    """
    outline = variant.after.outline(registry) or variant.before.outline(registry)
    body = None if outline is None else outline.box
    judge = _Judge(image, variant.before, variant.after, body)
    return tuple(judge.finding(test) for test in variant.tests)


def shows_anomaly(findings: Sequence[Finding]) -> bool | None:
    """Say whether all demands are met that can be told; None if none can."""
    told = [finding.met for finding in findings if finding.met is not None]
    return all(told) if told else None


def unmet(findings: Sequence[Finding]) -> str | None:
    """Return the first demand that is not met, for people; None if there is none."""
    return next((str(finding) for finding in findings if finding.met is False), None)


def sign_strength(image: Image, test: Test, box: Box, body: Box | None = None) -> float:
    """Return how strongly a box shows the sign of a structure: share of its pixels, or contrast of its ring.

    Args:
        image: (H, W) uint8.
        test: Says what is looked for.
        box: Where, in pixels of the image.
        body: Outline of the body around it.
    """
    if test.sign.look == "ring":
        return ring_contrast(image, box)
    return _SHARES[test.sign.look](image, inside_box(box, image.shape), box, body)


@dataclass(frozen=True)
class _Judge:
    image: Image
    before: Layout
    after: Layout
    body: Box | None

    def finding(self, test: Test) -> Finding:
        if test.demand.kind == SEE:
            return self._seen(test)
        if test.demand.kind == GAP:
            return self._gap(test)
        return self._missed_ring(test) if test.sign.look == "ring" else self._missed(test)

    def _seen(self, test: Test) -> Finding:
        """Look into every box of the structure; the weakest counts. A ring is that of the largest box."""
        boxes = [placed.box for placed in self.after.find(test.structure)]
        if test.sign.look == "ring" and boxes:
            boxes = [self.after.largest(test.structure).box]
        values = [sign_strength(self.image, test, box, self.body) for box in boxes]
        value = min(values, default=math.nan)
        return Finding(test, value, test.limit, None if math.isnan(value) else value >= test.limit)

    def _missed(self, test: Test) -> Finding:
        """Look where the structure was and is no more; the strongest counts."""
        values = [
            _SHARES[test.sign.look](self.image, left, box, self.body)
            for box, left in self._former_places(test.structure)
        ]
        value = max(values, default=math.nan)
        return Finding(test, value, test.limit, None if math.isnan(value) else value < test.limit)

    def _missed_ring(self, test: Test) -> Finding:
        """Look at the ring where it was; it may be there by chance, but then weaker than where it shall be."""
        if not self.before.find(test.structure):
            return Finding(test, math.nan, test.limit, None)
        value, limit = ring_contrast(self.image, self.before.largest(test.structure).box), test.limit
        if self.after.find(test.structure):
            limit = max(limit, ring_contrast(self.image, self.after.largest(test.structure).box))
        told = not (math.isnan(value) or math.isnan(limit))
        return Finding(test, value, round(limit, 4), value < limit if told else None)

    def _gap(self, test: Test) -> Finding:
        """Compare the former place between the pieces with the pieces."""
        pieces = [inside_box(placed.box, self.image.shape) for placed in self.after.find(test.structure)]
        gaps = [left for _, left in self._former_places(test.structure, 0.0)]
        if len(pieces) < 2 or not gaps:
            return Finding(test, math.nan, GAP_GREY, None)
        gap, bone = np.logical_or.reduce(gaps), np.logical_or.reduce(pieces)
        value = float(self.image[gap].mean()) / max(float(self.image[bone].mean()), 1.0)
        return Finding(test, value, GAP_GREY, value <= GAP_GREY)

    def _former_places(self, structure: str, least: float = _LEAST_LEFT) -> list[tuple[Box, Mask]]:
        """Return the boxes before, each with the pixels that no box afterwards covers; those with few left out.

        Boxes afterwards are those of the structure and of others that were not there before, since what those show is
        theirs; not the outline's, which holds all.
        """
        shape = self.image.shape
        taken = np.zeros(shape, bool)
        for placed in self.after.structures:
            if placed.box != self.body and (placed.name == structure or placed not in self.before.structures):
                taken |= inside_box(placed.box, shape)
        places = []
        for placed in self.before.find(structure):
            whole = inside_box(placed.box, shape)
            left = whole & ~taken
            if left.sum() >= max(_FEWEST_PIXELS, least * whole.sum()):
                places.append((placed.box, left))
        return places
