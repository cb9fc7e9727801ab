from __future__ import annotations

import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.detection import Detection

REGISTRY = default_registry()
SKULL, THALAMI = PlacedStructure("skull", Box(20, 20, 30, 30)), PlacedStructure("thalami", Box(20, 20, 8, 8))
FAR_THALAMI = PlacedStructure("thalami", Box(37, 30, 6, 6))


def found(*structures: PlacedStructure, scores: tuple[float, ...], plane_score: float = 1.0) -> Detection:
    return Detection(Layout("thalamic_transverse", 40, 40, structures), scores, plane_score)


def test_low_scores_are_left_out_together_with_their_boxes() -> None:
    kept = found(SKULL, THALAMI, scores=(0.2, 0.6), plane_score=0.7).at_least(0.6)
    assert kept == found(THALAMI, scores=(0.6,), plane_score=0.7)


def test_the_score_of_a_structure() -> None:
    one = found(SKULL, scores=(0.2,))
    assert one.score_of("skull") == 0.2
    assert one.score_of("thalami") is None


@pytest.mark.parametrize(
    ("detection", "doubts"),
    [
        (found(SKULL, THALAMI, scores=(0.9, 0.8)), []),
        (found(SKULL, THALAMI, scores=(0.9, 0.4)), ["thalami 0.40"]),
        (found(SKULL, FAR_THALAMI, scores=(0.9, 0.8)), ["thalami outside the skull"]),
        (found(THALAMI, scores=(0.8,)), ["no skull"]),
        (found(scores=(), plane_score=0.3), ["plane 0.30", "no box"]),
    ],
)
def test_doubts_are_low_scores_and_what_is_missing(detection: Detection, doubts: list[str]) -> None:
    assert detection.doubts(REGISTRY) == doubts


def test_each_box_has_one_score() -> None:
    with pytest.raises(ValueError, match="2 scores for 1 boxes"):
        found(SKULL, scores=(1, 1))


def test_what_a_data_set_keeps() -> None:
    extra = found(SKULL, scores=(0.123456,), plane_score=0.9).extra(REGISTRY)
    assert extra == {"scores": [0.1235], "plane_score": 0.9, "review": ["skull 0.12"]}
