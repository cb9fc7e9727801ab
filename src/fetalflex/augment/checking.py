"""Quality checks: reject images that are empty, flat, ignore their layout, copy a real image, or duplicate another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, Registry, draw_edit_mask
from fetalflex.augment.copies import Kept, RealRegions
from fetalflex.augment.plan import Checks
from fetalflex.augment.planned import Candidate
from fetalflex.evaluation.adherence import bright_ring, dark_area
from fetalflex.evaluation.adherence.demands import judge_demands, unmet
from fetalflex.evaluation.copies.grey_vectors import Vector, grey_vector, mirrored_grey_vector, most_alike

EMPTY, FLAT, LAYOUT, ANOMALY, COPY, DUPLICATE = "empty", "flat", "layout", "anomaly", "copy", "duplicate"
REASONS = {
    EMPTY: "the region is black",
    FLAT: "the region has no contrast",
    LAYOUT: "the layout was ignored",
    ANOMALY: "what the anomaly demands is not seen",
    COPY: "copy of a real region",
    DUPLICATE: "near-copy of another image of the set",
}

_STOMACH, _SKULL = "stomach", "skull"

_MOST_KEPT = 0.1
"""Share of the whole region that may stay the source's without a synthesis being a local edit."""


@dataclass(frozen=True)
class QualityVerdict:
    """What the checks found.

    Args:
        reason: Why the image is rejected, a key of `REASONS`; None if it is good.
        detail: The same for people.
        numbers: What was measured until then, by name.
        vector: Of the image's region.
    """

    reason: str | None
    detail: str
    numbers: dict[str, float]
    vector: Vector


@dataclass(frozen=True)
class Checker:
    """Check images one by one, the cheapest check first; the first that fails decides.

    Args:
        checks: Which checks, and how strict.
        registry: Planes and structures.
        real: What must not be copied.
    """

    checks: Checks
    registry: Registry
    real: RealRegions

    def judge(
        self,
        candidate: Candidate,
        image: NDArray[np.uint8],
        source: NDArray[np.uint8],
        roi_mask: NDArray[np.bool_],
        kept: Sequence[Kept],
    ) -> QualityVerdict:
        """Return the verdict on an image.

        Args:
            candidate: What it shall show.
            image: (H, W) uint8.
            source: The image that its background comes from, (H, W) uint8.
            roi_mask: What was synthesised, (H, W) bool.
            kept: Images of the same set that are kept.
        """
        grey = image[roi_mask]
        vector = grey_vector(image, roi_mask)
        numbers = {"grey": round(float(grey.mean()), 2), "contrast": round(float(grey.std()), 2)}
        found = (
            self._by_grey(numbers)
            or self._by_layout(candidate, image, numbers)
            or self._by_anomaly(candidate, image, numbers)
            or (
                None  # a local edit keeps the source on purpose, and a part of a body resembles no whole one
                if self._is_local(candidate, roi_mask)
                else self._by_copy(
                    candidate, (vector, mirrored_grey_vector(image, roi_mask)), grey_vector(source, roi_mask), numbers
                )
            )
            or self._by_duplicate(candidate, vector, kept, numbers)
        )
        reason, detail = found or (None, "")
        return QualityVerdict(reason, detail, numbers, vector)

    def _is_local(self, candidate: Candidate, roi_mask: NDArray[np.bool_]) -> bool:
        """Say whether less was synthesised than the whole region of the layouts."""
        whole = draw_edit_mask(candidate.before, candidate.after, self.registry, "auto")
        return bool((whole & ~roi_mask).sum() > _MOST_KEPT * whole.sum())

    def _by_grey(self, numbers: dict[str, float]) -> tuple[str, str] | None:
        if numbers["grey"] < self.checks.least_grey:
            return EMPTY, f"mean grey {numbers['grey']:g}"
        if numbers["contrast"] < self.checks.least_contrast:
            return FLAT, f"standard deviation {numbers['contrast']:g}"
        return None

    def _by_layout(
        self, candidate: Candidate, image: NDArray[np.uint8], numbers: dict[str, float]
    ) -> tuple[str, str] | None:
        if not self.checks.layout:
            return None
        measured = layout_numbers(image, candidate.before, candidate.after, self.registry)
        numbers |= measured
        structure = ignored_structure(measured)
        return None if structure is None else (LAYOUT, structure)

    def _by_anomaly(
        self, candidate: Candidate, image: NDArray[np.uint8], numbers: dict[str, float]
    ) -> tuple[str, str] | None:
        if not self.checks.anomaly or candidate.variant is None:
            return None
        findings = judge_demands(image, candidate.variant, self.registry)
        for finding in findings:
            if finding.met is not None:
                numbers[str(finding.test).replace(" ", "_")] = round(finding.value, 4)
        failed = unmet(findings)
        return None if failed is None else (ANOMALY, failed)

    def _by_copy(
        self, candidate: Candidate, views: tuple[Vector, Vector], source: Vector, numbers: dict[str, float]
    ) -> tuple[str, str] | None:
        """Compare an image's region, as it is and mirrored, with its source's and with all other real ones."""
        if self.checks.copy_correlation is None:
            return None
        alike, name = self.real.most_alike(views, candidate.plane)
        with_source = max(most_alike(view, [source])[0] for view in views)
        if with_source >= alike:
            alike, name = with_source, candidate.record.file_name
        numbers["real_correlation"] = round(alike, 4)
        return (COPY, f"of {name}") if alike >= self.checks.copy_correlation else None

    def _by_duplicate(
        self, candidate: Candidate, vector: Vector, kept: Sequence[Kept], numbers: dict[str, float]
    ) -> tuple[str, str] | None:
        if self.checks.duplicate_correlation is None:
            return None
        others = [one for one in kept if one.plane == candidate.plane]
        alike, place = most_alike(vector, [one.vector for one in others])
        if others:
            numbers["shard_correlation"] = round(alike, 4)
        return (DUPLICATE, f"of {others[place].number:06d}") if alike >= self.checks.duplicate_correlation else None


def layout_numbers(image: NDArray[np.uint8], before: Layout, after: Layout, registry: Registry) -> dict[str, float]:
    """Return what is measured where structures are, or were before they were taken away.

    - `stomach_dark_share`: see `dark_share`, in the box of the stomach.
    - `removed_stomach_dark_share`: the same where the layout before had its stomach.
    - `skull_contrast`: see `ring_contrast`.

    Args:
        image: (H, W) uint8.
        before: What the source shows.
        after: What the image shall show.
        registry: Knows the outline.
    """
    body = _body(after, registry) or _body(before, registry)
    numbers = dict(_measured(image, before, after, body))
    return {name: round(value, 4) for name, value in numbers.items() if not math.isnan(value)}


def ignored_structure(numbers: dict[str, float]) -> str | None:
    """Return the structure that an image does not show as its layout says, told by `layout_numbers`; None if all do."""
    if numbers.get("stomach_dark_share", 1.0) < dark_area.PRESENT:
        return _STOMACH
    if numbers.get("removed_stomach_dark_share", 0.0) >= dark_area.PRESENT:
        return _STOMACH
    return _SKULL if numbers.get("skull_contrast", 1.0) < bright_ring.PRESENT else None


def _measured(image: NDArray[np.uint8], before: Layout, after: Layout, body: Box | None) -> Iterator[tuple[str, float]]:
    if after.find(_STOMACH):
        yield "stomach_dark_share", dark_area.dark_share(image, after.largest(_STOMACH).box, body)
    elif before.find(_STOMACH):
        yield "removed_stomach_dark_share", dark_area.dark_share(image, before.largest(_STOMACH).box, body)
    if after.find(_SKULL):
        yield "skull_contrast", bright_ring.ring_contrast(image, after.largest(_SKULL).box)


def _body(layout: Layout, registry: Registry) -> Box | None:
    outline = layout.outline(registry)
    return None if outline is None else outline.box
