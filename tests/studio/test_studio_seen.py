from __future__ import annotations

import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.detection import Detection
from fetalflex.studio.seen import misses

STOMACH, SPINE = Box(30, 40, 20, 10), Box(70, 40, 10, 10)
KNOWN = ("abdomen", "stomach", "spine")


def layout(**boxes: Box) -> Layout:
    return Layout("abdominal_transverse", 100, 80, tuple(PlacedStructure(name, box) for name, box in boxes.items()))


def found(**boxes: Box) -> Detection:
    return Detection(layout(**boxes), (0.9,) * len(boxes))


BEFORE = layout(stomach=STOMACH, spine=SPINE)
MOVED = layout(stomach=STOMACH.translated(0, -20), spine=SPINE)


@pytest.mark.parametrize(
    ("after", "seen", "said"),
    [
        (MOVED, found(stomach=STOMACH.translated(1, -19)), []),
        (MOVED, found(stomach=STOMACH), ["does not find the stomach"]),
        (MOVED, found(), ["does not find the stomach"]),
        (layout(spine=SPINE), found(), []),
        (layout(spine=SPINE), found(stomach=STOMACH), ["still finds the stomach"]),
        (layout(spine=SPINE), found(stomach=STOMACH.translated(0, -30)), []),
        (BEFORE, found(), []),  # nothing was asked for
    ],
)
def test_what_the_detector_sees_otherwise_is_told(after: Layout, seen: Detection, said: list[str]) -> None:
    sentences = misses(BEFORE, after, seen, KNOWN)
    assert len(sentences) == len(said)
    assert all(part in sentence for part, sentence in zip(said, sentences, strict=True))


def test_nothing_is_said_of_structures_that_it_does_not_know() -> None:
    assert misses(BEFORE, MOVED, found(), ("spine",)) == []
