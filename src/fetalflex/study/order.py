"""The order in which a reader sees the images: random in balanced blocks, some images twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np


def reading_order(groups: Sequence[Hashable], repeats: int, generator: np.random.Generator) -> list[int]:
    """Draw the order for one reader.

    Each block holds one image of every group that still has one, in random order, so that a reader who stops early has
    rated all groups alike. The images that come again are spread over the groups too; they are taken from the first
    half and come back in the second, at least a quarter of the study later, so that they are not remembered.

    Args:
        groups: Group of each image, such as its plane and method.
        repeats: How many images come twice, at most half of them.
        generator: Draws.

    Returns:
        Indices of images; each is there once, and `repeats` of them twice.
    """
    waiting = defaultdict(list)
    for index in generator.permutation(len(groups)):
        waiting[groups[int(index)]].append(int(index))
    order: list[int] = []
    while any(waiting.values()):
        block = [images.pop() for images in waiting.values() if images]
        order += [block[int(place)] for place in generator.permutation(len(block))]
    again = _spread(order[: max(1, len(order) // 2)], groups, repeats, generator)
    gap = max(1, len(order) // 4)
    for image in again:
        first = order.index(image)
        order.insert(int(generator.integers(max(first + gap, len(groups) // 2), len(order))) + 1, image)
    return order


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
