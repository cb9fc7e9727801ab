from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout
from fetalflex.data.exporters.box_fitting import BoxFitting, decimal, inside_image, upright_around
from fetalflex.data.importers.reading import number

IMAGE = Layout("femur", 100, 80)


def test_a_box_inside_stays_as_it_is_and_costs_nothing():
    fitting = BoxFitting()
    for box in (Box(50, 40, 60, 50, 20), Box.from_corners(0, 0, 100, 80), Box.from_corners(-1e-9, 0, 100 + 1e-9, 80)):
        assert fitting.inside(box, IMAGE) is box
    assert fitting.upright(Box(50, 40, 60, 50)) == Box(50, 40, 60, 50)
    assert fitting.notes() == []


def test_what_is_lost_is_counted():
    fitting = BoxFitting()
    assert fitting.inside(Box.from_corners(-10, 10, 20, 30), IMAGE) == Box.from_corners(0, 10, 20, 30)
    assert fitting.inside(Box.from_corners(90, 10, 120, 30), IMAGE) == Box.from_corners(90, 10, 100, 30)
    rest = fitting.inside(Box(0, 40, 40, 20, 45), IMAGE)
    assert rest is not None
    assert not rest.is_rotated
    assert fitting.inside(Box(-50, 40, 10, 10), IMAGE) is None
    assert fitting.upright(Box(50, 40, 60, 20, 90)).corners() == pytest.approx((40, 10, 60, 70))
    assert fitting.notes() == [
        "boxes cut at the border of their image: 2",
        "boxes left out, since nothing of them lies inside the image: 1",
        "rotated boxes that stick out, written as the upright box around what lies inside: 1",
        "rotated boxes written as the upright box around them: 1",
    ]


def test_the_functions_count_nothing_and_do_the_same():
    box = Box(5, 40, 40, 20, 45)
    assert inside_image(box, IMAGE) == box.clipped(100, 80)
    assert upright_around(box).corners() == pytest.approx(box.corners())


@pytest.mark.parametrize(
    ("value", "text"), [(10.0, "10"), (0.1, "0.1"), (-2.5, "-2.5"), (0.0, "0"), (1e-7, "0.0000001"), (1e-40, "1e-40")]
)
def test_decimal(value, text):
    assert decimal(value) == text


@given(st.floats(-1e9, 1e9))
def test_any_number_reads_back_exactly(value):
    assert float(decimal(value)) == value
    assert number(decimal(value), "x") == value
    assert re.fullmatch(r"-?\d+(\.\d+)?(e-\d+)?", decimal(value))
