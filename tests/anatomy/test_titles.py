from __future__ import annotations

from anatomy_strategies import boxes
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy.titles import place_titles


def test_title_stands_above_its_box():
    assert place_titles([(50, 50, 80, 70)], [(40, 10)], 200, 100) == [(50, 40)]


def test_title_of_a_box_at_the_top_stands_below():
    assert place_titles([(50, 2, 80, 20)], [(40, 10)], 200, 100) == [(50, 20)]


def test_titles_of_boxes_in_one_place_do_not_overlap():
    (ax, ay), (bx, by) = place_titles([(50, 50, 80, 70), (51, 51, 79, 69)], [(40, 10), (40, 10)], 200, 100)
    assert abs(ax - bx) >= 40 or abs(ay - by) >= 10


def test_title_leaves_a_small_box_visible():
    ((x, y), _) = place_titles([(50, 50, 150, 90), (55, 42, 60, 48)], [(40, 10), (20, 10)], 200, 120)
    assert not (x < 60 and x + 40 > 55 and y < 48 and y + 10 > 42)


@given(st.lists(boxes(400, 300), max_size=8))
def test_titles_stay_within_the_image(found):
    for x, y in place_titles([box.corners() for box in found], [(90, 12)] * len(found), 400, 300):
        assert 0 <= x <= 310
        assert 0 <= y <= 288
