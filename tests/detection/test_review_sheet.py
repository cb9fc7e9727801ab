from __future__ import annotations

import numpy as np

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.detection import Detection
from fetalflex.detection.review_sheet import ReviewItem, draw_review_sheet
from fetalflex.figures.style import WARNING

REGISTRY = default_registry()


def item(score: float) -> ReviewItem:
    layout = Layout("abdominal_transverse", 100, 80, (PlacedStructure("abdomen", Box(50, 40, 60, 50)),))
    detection = Detection(layout, (score,))
    return ReviewItem(np.full((80, 100), 60, np.uint8), detection, "images/x.png", tuple(detection.doubts(REGISTRY)))


def has_colour(sheet: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((sheet == colour).all(axis=2).any())


def test_doubtful_images_are_framed() -> None:
    assert has_colour(draw_review_sheet([item(0.2)], REGISTRY), WARNING)
    assert not has_colour(draw_review_sheet([item(0.9)], REGISTRY), WARNING)


def test_doubtful_boxes_are_dashed() -> None:
    sure, doubtful = (draw_review_sheet([item(score)], REGISTRY, below=0.5) for score in (0.9, 0.2))
    colours, counts = np.unique(sure.reshape(-1, 3), axis=0, return_counts=True)
    lines = next(tuple(c) for c in colours[np.argsort(-counts)] if len(set(c.tolist())) > 1 and c[2] > c[0] + 50)
    drawn = [int((sheet == lines).all(axis=2).sum()) for sheet in (sure, doubtful)]
    assert 0.2 * drawn[0] < drawn[1] < 0.8 * drawn[0]


def test_images_stand_in_rows_of_five() -> None:
    one, six = draw_review_sheet([item(0.9)], REGISTRY), draw_review_sheet([item(0.9)] * 6, REGISTRY)
    assert six.shape[1] > 4 * one.shape[1]
    assert six.shape[0] > 1.8 * one.shape[0]
