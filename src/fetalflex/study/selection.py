"""Choose as many images of each plane by each method, of the same cases where that can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from fetalflex.errors import FetalFlexError
from fetalflex.study.candidates import Candidate

FEWEST = 2
"""Images that a study must show at least."""


def balanced(candidates: Sequence[Candidate], each: int | None, generator: np.random.Generator) -> list[Candidate]:
    """Return as many images of each plane by each method.

    Of each plane, cases of which every method has an image are taken first, so that methods can be compared on the same
    cases; what is missing is drawn from the others.

    Args:
        candidates: Images to choose from.
        each: Images of each plane by each method; by default as many as the smallest group has, plane by plane.
        generator: Draws.

    Returns:
        By plane and method, in the order of the names.

    Raises:
        FetalFlexError: If a method has no image of a plane, or fewer than `each`, or there are too few in all.
    """
    groups: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        groups[candidate.group].append(candidate)
    planes = sorted({plane for plane, _ in groups})
    methods = sorted({method for _, method in groups})
    for plane in planes:
        for method in methods:
            count = len(groups.get((plane, method), ()))
            if count < (each or 1):
                raise FetalFlexError(
                    f"the method {method!r} has {count} images of the plane {plane!r}, but the study needs "
                    f"{each or 'at least 1'}, as many of each plane by each method; give more images, or leave out the "
                    "plane (--planes)" + ("" if each is None else f", or ask for fewer than {each} (--each)")
                )
    chosen = []
    for plane in planes:
        by_method = {method: groups[plane, method] for method in methods}
        count = each or min(map(len, by_method.values()))
        shared = set.intersection(*({one.case for one in group} for group in by_method.values()))
        rank = {
            case: int(place) for case, place in zip(sorted(shared), generator.permutation(len(shared)), strict=True)
        }
        for method in methods:
            chosen += _drawn(by_method[method], rank, count, generator)
    if len(chosen) < FEWEST:
        raise FetalFlexError(f"there is {len(chosen)} image to show; a study needs at least {FEWEST}")
    return chosen


def _drawn(
    group: Sequence[Candidate], rank: dict[str, int], count: int, generator: np.random.Generator
) -> list[Candidate]:
    """Return `count` images of a group: one of each shared case by rank, then others in random order."""
    mixed = [group[int(index)] for index in generator.permutation(len(group))]
    taken: set[str] = set()

    def place(candidate: Candidate) -> float:
        if candidate.case not in rank or candidate.case in taken:
            return float("inf")
        taken.add(candidate.case)
        return rank[candidate.case]

    return [one for _, _, one in sorted((place(one), index, one) for index, one in enumerate(mixed))[:count]]
