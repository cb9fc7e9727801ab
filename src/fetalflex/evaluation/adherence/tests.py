"""Does an image show what its layout says? Told by simple image processing, without a detector."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout
from fetalflex.evaluation.adherence import bright_ring, dark_area
from fetalflex.evaluation.adherence.layout_edits import with_all_enlarged, with_enlarged, without

Image = NDArray[np.uint8]

GROWTH = 1.3
REMAINING_DARK_AREA = 0.3
REMAINING_RING_CONTRAST = 0.5


@dataclass(frozen=True)
class AdherenceVerdict:
    """Whether three syntheses of one scene obey their layouts, and the numbers that tell.

    Args:
        present: Whether the synthesis from the source's layout shows the structure; None if that cannot be told.
        enlarged: Whether the one from the enlarged layout shows it larger; None likewise.
        removed: Whether the one from the layout without it does not show it; None likewise.
        numbers: What was measured, by name.
    """

    present: bool | None
    enlarged: bool | None
    removed: bool | None
    numbers: dict[str, float]


@dataclass(frozen=True)
class AdherenceTest:
    """How adherence is tested on one structure.

    Args:
        structure: Canonical name.
        enlarge: Gives the layout with the structure enlarged.
        judge: Compares syntheses from the source's, the enlarged, and the layout without the structure; the last
            argument is the source's layout and the body's outline in it.
        rule: The rule in words, for reports.
    """

    structure: str
    enlarge: Callable[[Layout], Layout]
    judge: Callable[[Image, Image, Image, Layout, Box | None], AdherenceVerdict]
    rule: str

    def remove(self, layout: Layout) -> Layout:
        """Return the layout without the structure."""
        return without(layout, self.structure)


_STOMACH_FACTOR = 1.5
_SKULL_FACTOR = 1.15


def judge_stomach(source: Image, enlarged: Image, removed: Image, layout: Layout, body: Box | None) -> AdherenceVerdict:
    """Judge by the dark area in the stomach's box, see `dark_area`.

    - present: at least 0.3 of the box is dark in `source`.
    - enlarged: at least 0.3 of the box of 1.5 times the sides is dark in `enlarged`, and that is at least 1.3 times the
      area that is dark in the same box in `source` (`GROWTH`; an ideal synthesis has up to 2.25 times).
    - removed: present in `source`, and in `removed` less than 0.3 of that dark area is left in the box
      (`REMAINING_DARK_AREA`).

    Args:
        source: Synthesis from the source's layout, (H, W) uint8.
        enlarged: Synthesis with the stomach enlarged by 1.5.
        removed: Synthesis without the stomach.
        layout: The source's layout, which holds a stomach.
        body: The abdomen's outline.
    """
    box = layout.largest("stomach").box
    large = box.scaled(_STOMACH_FACTOR)
    share, large_share = dark_area.dark_share(source, box, body), dark_area.dark_share(enlarged, large, body)
    before, after = (dark_area.dark_area(image, large, body) for image in (source, enlarged))
    area, left = (dark_area.dark_area(image, box, body) for image in (source, removed))
    present = share >= dark_area.PRESENT
    return AdherenceVerdict(
        present=present,
        enlarged=large_share >= dark_area.PRESENT and after >= GROWTH * before,
        removed=present and left < REMAINING_DARK_AREA * area,
        numbers={
            "stomach_dark_share": share,
            "stomach_growth": after / before if before else math.inf if after else math.nan,
            "stomach_remaining": left / area if area else math.nan,
        },
    )


def judge_skull(source: Image, enlarged: Image, removed: Image, layout: Layout, body: Box | None) -> AdherenceVerdict:
    """Judge by the contrast of the ring inscribed in the skull's box, see `ring_contrast`.

    - present: the contrast is at least 0.15 in `source`; untold where more than half of the ellipse lies outside the
      image.
    - enlarged: in `enlarged`, the contrast is at least 0.15 at the ellipse enlarged by 1.15, and larger than at the old
      one; untold where more than half of the enlarged ellipse lies outside the image.
    - removed: present in `source`, and in `removed` the contrast is less than 0.5 of that (`REMAINING_RING_CONTRAST`;
      more than for an area, because a ring that is not there has a contrast of about 0 give or take 0.1); untold like
      present.

    Args:
        source: Synthesis from the source's layout, (H, W) uint8.
        enlarged: Synthesis with the skull and what lies in it enlarged by 1.15.
        removed: Synthesis without the skull.
        layout: The source's layout, which holds a skull.
        body: Not used.
    """
    del body
    box = layout.largest("skull").box
    before, left = bright_ring.ring_contrast(source, box), bright_ring.ring_contrast(removed, box)
    at_old = bright_ring.ring_contrast(enlarged, box)
    at_new = bright_ring.ring_contrast(enlarged, box.scaled(_SKULL_FACTOR))
    present = None if math.isnan(before) else before >= bright_ring.PRESENT
    can_tell = not math.isnan(at_new) and not math.isnan(at_old)
    return AdherenceVerdict(
        present=present,
        enlarged=(at_new >= bright_ring.PRESENT and at_new > at_old) if can_tell else None,
        removed=present and left < REMAINING_RING_CONTRAST * before,  # None stays None
        numbers={
            "skull_contrast": before,
            "skull_contrast_at_new": at_new,
            "skull_contrast_at_old": at_old,
            "skull_contrast_removed": left,
        },
    )


ADHERENCE_TESTS = (
    AdherenceTest(
        "stomach",
        lambda layout: with_enlarged(layout, "stomach", _STOMACH_FACTOR),
        judge_stomach,
        "by dark area: present if at least 0.3 of the box is dark; enlarged (box x 1.5) if it grows by at least 1.3 "
        "times; removed if less than 0.3 of it is left",
    ),
    AdherenceTest(
        "skull",
        lambda layout: with_all_enlarged(layout, "skull", _SKULL_FACTOR),
        judge_skull,
        "by the contrast of the bright ring: present from 0.15 on; enlarged (x 1.15) if found at the new ellipse and "
        "weaker at the old one; removed if less than half of it is left",
    ),
)


def adherence_test(layout: Layout) -> AdherenceTest | None:
    """Return the test for the structures of a layout, the first that there is; None if there is none."""
    return next((test for test in ADHERENCE_TESTS if layout.find(test.structure)), None)
