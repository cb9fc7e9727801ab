from __future__ import annotations

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.figures.panels import EDGE, PanelPainter

LAYOUT = Layout(
    "abdominal_transverse",
    120,
    90,
    (PlacedStructure("abdomen", Box(60, 45, 80, 70)), PlacedStructure("stomach", Box(45, 40, 20, 16))),
)
IMAGE = np.full((90, 120), 10, np.uint8)
PAINTER = PanelPainter(default_registry(), width=240)


def test_all_panels_have_one_size() -> None:
    panels = (PAINTER.layout_map(LAYOUT), PAINTER.image(IMAGE, LAYOUT), PAINTER.overlay(IMAGE, LAYOUT))
    assert {panel.shape for panel in panels} == {(180, 240, 3)}


def test_boxes_that_are_gone_are_dashed_where_they_were() -> None:
    without = LAYOUT.with_structures(LAYOUT.structures[:1])
    plain, marked = PAINTER.overlay(IMAGE, without), PAINTER.overlay(IMAGE, without, before=LAYOUT)
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx((70, 64, 110, 96), abs=1)
    upper_edge = (plain != marked).any(axis=2)[rows.min(), 70:110]
    assert 0.3 < upper_edge.mean() < 0.8


def test_boxes_that_are_unchanged_are_not_dashed() -> None:
    np.testing.assert_array_equal(PAINTER.overlay(IMAGE, LAYOUT), PAINTER.overlay(IMAGE, LAYOUT, before=LAYOUT))


def test_boxes_that_are_gone_are_dashed_on_the_layout_map_too() -> None:
    without = LAYOUT.with_structures(LAYOUT.structures[:1])
    plain, marked = PAINTER.layout_map(without), PAINTER.layout_map(without, before=LAYOUT)
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    assert (columns.min(), rows.min(), columns.max(), rows.max()) == pytest.approx((70, 64, 110, 96), abs=1)


def test_the_edge_of_a_region_is_drawn_over_a_picture_in_colour() -> None:
    region = np.zeros((90, 120), bool)
    region[10:30, 20:50] = True
    picture = np.full((90, 120, 3), (10, 200, 30), np.uint8)
    drawn = PAINTER.marked(picture, region, LAYOUT)
    edge = (drawn == EDGE).all(axis=2)
    rows, columns = np.nonzero(edge)
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (40, 20, 100, 60)
    assert edge.sum() == 2 * (60 + 40) - 4
    assert (drawn[~edge] == (10, 200, 30)).all()
