"""The order in which a reader sees the images: random in balanced blocks, some images twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np


def reading_order(
    groups: Sequence[Hashable], cases: Sequence[Hashable], repeats: int, generator: np.random.Generator
) -> list[int]:
    """Draw the order for one reader.

    Each block holds one image of every group that still has one, in random order, so that a reader who stops early has
    rated all groups alike. Images of one case, which show the same anatomy, are kept far apart. The images that come
    again are spread over the groups too; they are taken from the first half and come back in the second, at least a
    quarter of the study later, so that they are not remembered.

    Args:
        groups: Group of each image, such as its plane and method.
        cases: Case of each image.
        repeats: How many images come twice, at most half of them.
        generator: Draws.

    Returns:
        Indices of images; each is there once, and `repeats` of them twice.
    """
    order = _blocks(groups, cases, generator)
    gap = max(1, len(order) // 4)
    for image in _spread(order[: max(1, len(order) // 2)], groups, repeats, generator):
        first = order.index(image)
        order.insert(int(generator.integers(max(first + gap, len(groups) // 2), len(order))) + 1, image)
    return order


def _blocks(groups: Sequence[Hashable], cases: Sequence[Hashable], generator: np.random.Generator) -> list[int]:
    """Draw an order of all images in blocks."""
    queues = _queues(groups, cases, generator)
    order: list[int] = []
    while present := [queue for queue in queues if queue]:
        order += [present[int(place)].pop(0) for place in generator.permutation(len(present))]
    return order


def _queues(groups: Sequence[Hashable], cases: Sequence[Hashable], generator: np.random.Generator) -> list[list[int]]:
    """Draw the order of the images of each group.

    Groups that share cases go through them in one random order, as round a circle, and start at places that are as far
    from each other as can be. Images of one case in one group are spread round the circle likewise.
    """
    found = []
    for related in _related(groups, cases):
        own = [image for image, group in enumerate(groups) if group in related]
        names = list(dict.fromkeys(cases[image] for image in own))
        angle = {names[int(place)]: rank / len(names) for rank, place in enumerate(generator.permutation(len(names)))}
        for start, place in enumerate(generator.permutation(len(related))):
            mixed = [image for image in own if groups[image] == related[int(place)]]
            mixed = [mixed[int(index)] for index in generator.permutation(len(mixed))]
            seen: Counter[Hashable] = Counter()
            counts = Counter(cases[image] for image in mixed)
            keys = {}
            for image in mixed:
                case = cases[image]
                keys[image] = round(angle[case] + start / len(related) + seen[case] / counts[case], 9) % 1
                seen[case] += 1
            found.append(sorted(mixed, key=keys.__getitem__))
    return found


def _related(groups: Sequence[Hashable], cases: Sequence[Hashable]) -> list[list[Hashable]]:
    """Return the groups in sets that share no cases with each other."""
    shown: dict[Hashable, set[Hashable]] = defaultdict(set)
    for group, case in zip(groups, cases, strict=True):
        shown[group].add(case)
    found: list[tuple[list[Hashable], set[Hashable]]] = []
    for group, own in shown.items():
        touching = [one for one in found if one[1] & own]
        found = [one for one in found if not one[1] & own]
        found.append(
            ([*(name for one in touching for name in one[0]), group], own.union(*(one[1] for one in touching)))
        )
    return [names for names, _ in found]


def _spread(images: Sequence[int], groups: Sequence[Hashable], count: int, generator: np.random.Generator) -> list[int]:
    """Draw `count` of some images, from one group after the other."""
    by_group = defaultdict(list)
    for place in generator.permutation(len(images)):
        by_group[groups[images[int(place)]]].append(images[int(place)])
    drawn: list[int] = []
    names = list(by_group)
    while len(drawn) < count and any(by_group.values()):
        for place in generator.permutation(len(names)):
            group = by_group[names[int(place)]]
            if group and len(drawn) < count:
                drawn.append(group.pop())
    return drawn
