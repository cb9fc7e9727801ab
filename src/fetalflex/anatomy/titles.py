"""Find places for the titles of boxes where they hide little."""

from __future__ import annotations

from collections.abc import Sequence

Rectangle = tuple[float, float, float, float]
_SHARED_WITH_A_TITLE = 10.0
_STEPS = 6


def place_titles(
    boxes: Sequence[Rectangle], sizes: Sequence[tuple[float, float]], image_width: float, image_height: float
) -> list[tuple[float, float]]:
    """Return the top left corner of each title, near its box and within the image.

    The places above, below and beside the box, and further away in steps of a title's height, are compared; the first
    that hides the least wins: a share of a box counts 1, of an earlier title 10.

    Args:
        boxes: (x0, y0, x1, y1) in pixels.
        sizes: (width, height) of the titles in pixels, as many.
        image_width: pixels.
        image_height: pixels.
    """
    placed: list[Rectangle] = []
    for box, (width, height) in zip(boxes, sizes, strict=True):
        best, least = (0.0, 0.0), float("inf")
        for x, y in _candidates(box, width, height):
            x = max(0.0, min(x, image_width - width))
            y = max(0.0, min(y, image_height - height))
            place = (x, y, x + width, y + height)
            hidden = sum(_hidden_share(other, place) for other in boxes)
            hidden += _SHARED_WITH_A_TITLE * sum(_hidden_share(title, place) for title in placed)
            if hidden < least:
                best, least = (x, y), hidden
        placed.append((*best, best[0] + width, best[1] + height))
    return [(x0, y0) for x0, y0, _, _ in placed]


def _candidates(box: Rectangle, width: float, height: float) -> list[tuple[float, float]]:
    x0, y0, x1, y1 = box
    middle = (y0 + y1 - height) / 2
    found = [(x0, y0 - height), (x0, y1), (x1, middle), (x0 - width, middle)]
    for step in range(1, _STEPS):
        shift = step * height
        found += [(x0, y0 - height - shift), (x0, y1 + shift), (x1, middle - shift), (x1, middle + shift)]
        found += [(x0 - width, middle - shift), (x0 - width, middle + shift)]
    return found


def _hidden_share(hidden: Rectangle, place: Rectangle) -> float:
    width = min(hidden[2], place[2]) - max(hidden[0], place[0])
    height = min(hidden[3], place[3]) - max(hidden[1], place[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / ((hidden[2] - hidden[0]) * (hidden[3] - hidden[1]))
