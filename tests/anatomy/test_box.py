from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
from anatomy_strategies import ANGLES, boxes
from hypothesis import assume, given
from hypothesis import strategies as st

from fetalflex.anatomy import Box
from fetalflex.errors import FetalFlexError

SHIFTS = st.floats(-1000, 1000)


def same_box(first: Box, second: Box) -> bool:
    """Whether two boxes agree to 1e-6, also across the -90 to 90 degree seam."""
    turn = abs(first.angle - second.angle)
    return min(turn, 180 - turn) < 1e-6 and all(
        abs(a - b) < 1e-6
        for a, b in zip(list(first.to_dict().values())[:4], list(second.to_dict().values())[:4], strict=True)
    )


def same_region(first: Box, second: Box) -> bool:
    return first.iou(second) > 1 - 1e-6


class TestValues:
    def test_all_values_are_floats_and_no_angle_is_minus_zero(self):
        for angle in (-0.0, 0, np.float64(-0.0), 180.0):
            box = Box(1, np.float32(2), np.float64(3), 4, angle)
            assert [type(value) for value in box.to_dict().values()] == [float] * 5
            assert math.copysign(1.0, box.angle) == 1

    @pytest.mark.parametrize("field", ["cx", "cy", "width", "height", "angle"])
    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "1", None, True, 1e10])
    def test_wrong_values_are_refused_by_name(self, field, value):
        with pytest.raises(FetalFlexError, match=f"box {field} must"):
            Box(**{"cx": 1, "cy": 1, "width": 1, "height": 1, "angle": 0, field: value})

    @pytest.mark.parametrize("side", [0, -1, -0.0])
    def test_sides_are_greater_than_zero(self, side):
        with pytest.raises(FetalFlexError, match="box width must be greater than 0"):
            Box(0, 0, side, 1)
        with pytest.raises(FetalFlexError, match="box height must be greater than 0"):
            Box(0, 0, 1, side)

    def test_area_that_rounds_to_zero_is_refused(self):
        with pytest.raises(FetalFlexError, match="no area"):
            Box(0, 0, 1e-200, 1e-200)

    @pytest.mark.parametrize(
        ("given_angle", "stored"),
        [(0, 0), (90, -90), (-90, -90), (180, 0), (270, -90), (135, -45), (-100, 80), (-0.0, 0)],
    )
    def test_angle_is_stored_within_a_half_turn(self, given_angle, stored):
        assert Box(0, 0, 2, 1, given_angle).angle == stored

    @given(st.floats(-1e9, 1e9))
    def test_every_angle_ends_in_the_half_open_range(self, angle):
        assert -90 <= Box(0, 0, 2, 1, angle).angle < 90

    def test_whole_numbers_and_numpy_numbers_become_floats(self):
        box = Box(np.int64(1), np.float32(2), 3, 4)
        assert box == Box(1.0, 2.0, 3.0, 4.0)
        json.dumps(box.to_dict())

    def test_is_a_hashable_picklable_value(self):
        box = Box(1, 2, 3, 4, 5)
        assert copy.deepcopy(box) == box
        assert len({box, Box(1, 2, 3, 4, 185)}) == 1
        with pytest.raises(AttributeError):
            box.cx = 3


class TestConversions:
    def test_formats_of_one_box(self):
        box = Box.from_xywh(10, 20, 40, 30)
        assert box == Box(30, 35, 40, 30)
        assert box.corners() == (10, 20, 50, 50)
        assert box.row_column() == (20, 10, 50, 50)
        assert box.fractional_centre(100, 50) == (0.3, 0.7, 0.4, 0.6)
        assert box.polygon().tolist() == [[10, 20], [50, 20], [50, 50], [10, 50]]
        assert box.area == 1200
        assert not box.is_rotated

    @given(boxes(rotated=False))
    def test_upright_formats_round_trip(self, box):
        assert same_box(Box.from_corners(*box.corners()), box)
        assert same_box(Box.from_xywh(*box.xywh()), box)
        assert same_box(Box.from_row_column(*box.row_column()), box)
        assert same_box(Box.from_fractional_centre(*box.fractional_centre(400, 300), 400, 300), box)
        assert same_box(Box.from_polygon(box.polygon()), box)

    @given(boxes())
    def test_rotated_formats_round_trip(self, box):
        assert Box.from_dict(json.loads(json.dumps(box.to_dict()))) == box
        assert Box.from_centre(box.cx, box.cy, box.width, box.height, box.angle) == box
        assert same_region(Box.from_polygon(box.polygon(), rotated=True), box)

    @given(boxes())
    def test_upright_bounding_box_is_that_of_the_polygon(self, box):
        polygon = box.polygon()
        assert polygon.shape == (4, 2)
        assert polygon.dtype == np.float64
        assert np.allclose(box.corners(), (*polygon.min(0), *polygon.max(0)), atol=1e-9)

    @given(boxes())
    def test_polygon_runs_clockwise_with_the_box_area(self, box):
        x, y = box.polygon().T
        assert 0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)) == pytest.approx(box.area, rel=1e-6)

    def test_positive_angle_turns_from_x_towards_y(self):
        right_end = Box(0, 0, 20, 2, 30).polygon()[1:3].mean(0)
        assert right_end[0] > 0
        assert right_end[1] == pytest.approx(5)

    def test_quarter_turn_is_exact(self):
        assert Box(10, 10, 8, 4, 90).corners() == (8, 6, 12, 14)

    def test_ellipse_touches_its_box(self):
        box = Box.from_ellipse(50, 40, 30, 20, 25)
        assert box == Box(50, 40, 60, 40, 25)
        t = np.linspace(0, 2 * math.pi, 721)
        c, s = math.cos(math.radians(25)), math.sin(math.radians(25))
        points = np.stack(
            [50 + 30 * np.cos(t) * c - 20 * np.sin(t) * s, 40 + 30 * np.cos(t) * s + 20 * np.sin(t) * c], 1
        )
        along = (points - (50, 40)) @ (c, s)
        assert np.abs(along).max() == pytest.approx(30)

    @pytest.mark.parametrize("corners", [(0, 0, 0, 5), (0, 5, 4, 5), (5, 0, 1, 5), (0, 9, 5, 1)])
    def test_corners_must_be_in_order(self, corners):
        with pytest.raises(FetalFlexError, match="x0 < x1 and y0 < y1"):
            Box.from_corners(*corners)

    @pytest.mark.parametrize(
        ("points", "message"),
        [
            ([(0, 0), (1, 1)], r"shape \(N, 2\)"),
            ([1, 2, 3, 4, 5, 6], r"shape \(N, 2\)"),
            ([(0, 0, 0)] * 4, r"shape \(N, 2\)"),
            ([(0, 0), (1, 1), (math.nan, 2)], "finite"),
            ([(0, 0), (1, 1), ("a", 2)], "pairs of numbers"),
            ([(0, 0), (1, 1), (2,)], "pairs of numbers"),
        ],
    )
    def test_bad_polygons_are_refused(self, points, message):
        with pytest.raises(FetalFlexError, match=message):
            Box.from_polygon(points)

    def test_points_on_a_line_hold_no_area(self):
        with pytest.raises(FetalFlexError, match="on one line"):
            Box.from_polygon([(0, 0), (1, 1), (3, 3), (7, 7)], rotated=True)
        with pytest.raises(FetalFlexError, match="x0 < x1"):
            Box.from_polygon([(0, 0), (0, 1), (0, 3)])

    @pytest.mark.parametrize("size", [(0, 10), (10, -1), (math.nan, 10)])
    def test_fractions_need_an_image_size(self, size):
        with pytest.raises(FetalFlexError, match="image"):
            Box.from_fractional_centre(0.5, 0.5, 0.1, 0.1, *size)
        with pytest.raises(FetalFlexError, match="image"):
            Box(1, 1, 1, 1).fractional_centre(*size)

    def test_from_dict_is_strict(self):
        assert Box.from_dict({"cx": 1, "cy": 2, "width": 3, "height": 4}) == Box(1, 2, 3, 4)
        with pytest.raises(FetalFlexError, match=r"unknown key 'heigth'.*Did you mean height"):
            Box.from_dict({"cx": 1, "cy": 2, "width": 3, "heigth": 4})
        with pytest.raises(FetalFlexError, match="lacks the key 'height'"):
            Box.from_dict({"cx": 1, "cy": 2, "width": 3})
        with pytest.raises(FetalFlexError, match="must be a mapping"):
            Box.from_dict([1, 2, 3, 4])


class TestOperations:
    @given(boxes(), SHIFTS, SHIFTS)
    def test_translation_is_undone(self, box, dx, dy):
        assert same_box(box.translated(dx, dy).translated(-dx, -dy), box)

    @given(boxes(), st.floats(0.01, 100), st.floats(0.01, 100))
    def test_scaling_is_undone_and_keeps_centre_and_angle(self, box, fx, fy):
        scaled = box.scaled(fx, fy)
        assert (scaled.cx, scaled.cy, scaled.angle) == (box.cx, box.cy, box.angle)
        assert same_box(scaled.scaled(1 / fx, 1 / fy), box)

    @given(boxes(), ANGLES)
    def test_rotation_is_undone(self, box, degrees):
        assert same_box(box.rotated(degrees).rotated(-degrees), box)
        assert same_box(box.rotated_about(3, 4, degrees).rotated_about(3, 4, -degrees), box)

    @given(boxes(), ANGLES)
    def test_rotation_about_the_centre_is_rotation(self, box, degrees):
        assert same_box(box.rotated_about(box.cx, box.cy, degrees), box.rotated(degrees))

    @given(boxes())
    def test_mirroring_twice_is_identity(self, box):
        assert same_box(box.mirrored_horizontally(400).mirrored_horizontally(400), box)
        assert same_box(box.mirrored_vertically(300).mirrored_vertically(300), box)

    @given(boxes())
    def test_mirroring_mirrors_the_corner_points(self, box):
        expected = box.polygon() * (-1, 1) + (400, 0)
        found = box.mirrored_horizontally(400).polygon()
        for corner in expected:
            assert np.abs(found - corner).sum(1).min() < 1e-6

    @given(boxes(), st.floats(0.1, 10), SHIFTS, SHIFTS)
    def test_transformation_maps_the_corner_points(self, box, scale, dx, dy):
        assert np.allclose(box.transformed(scale, dx, dy).polygon(), box.polygon() * scale + (dx, dy), atol=1e-6)

    def test_resized_and_scaled(self):
        assert Box(5, 6, 7, 8, 9).resized(1, 2) == Box(5, 6, 1, 2, 9)
        assert Box(5, 6, 7, 8).scaled(2) == Box(5, 6, 14, 16)

    def test_rotated_about_turns_clockwise(self):
        box = Box(10, 0, 4, 2).rotated_about(0, 0, 90)
        assert (box.cx, box.cy, box.angle) == (pytest.approx(0), pytest.approx(10), -90)

    @pytest.mark.parametrize(
        "operation",
        [
            lambda box: box.translated(math.nan, 0),
            lambda box: box.scaled(0),
            lambda box: box.scaled(1, -1),
            lambda box: box.resized(0, 1),
            lambda box: box.rotated(math.inf),
            lambda box: box.rotated_about(math.nan, 0, 1),
            lambda box: box.transformed(-1),
            lambda box: box.mirrored_horizontally(0),
            lambda box: box.clipped(0, 1),
            lambda box: box.inside_fraction(1, math.nan),
        ],
    )
    def test_bad_arguments_are_refused(self, operation):
        with pytest.raises(FetalFlexError, match=r"must be (finite|greater than 0)"):
            operation(Box(1, 1, 2, 2))


class TestPoints:
    @given(boxes(), st.floats(-1.4, 1.4), st.floats(-1.4, 1.4))
    def test_a_point_is_inside_if_its_share_of_the_sides_is(self, box, along, across):
        """Corners of a box scaled by a factor lie in the box where the factor is below 1."""
        assume(abs(abs(along) - 1) > 1e-6 and abs(abs(across) - 1) > 1e-6)
        cos, sin = math.cos(math.radians(box.angle)), math.sin(math.radians(box.angle))
        u, v = along * box.width / 2, across * box.height / 2
        inside = abs(along) < 1 and abs(across) < 1
        assert box.contains(box.cx + u * cos - v * sin, box.cy + u * sin + v * cos) is inside

    def test_the_edge_belongs_to_the_box(self):
        assert Box.from_corners(0, 0, 4, 2).contains(4, 0)
        assert not Box.from_corners(0, 0, 4, 2).contains(4.01, 0)


class TestClipping:
    def test_box_within_the_image_is_kept_as_it_is(self):
        box = Box(50, 50, 20, 10, 30)
        assert box.clipped(100, 100) is box

    def test_upright_box_is_cut(self):
        assert Box.from_corners(-10, 20, 30, 200).clipped(100, 100) == Box.from_corners(0, 20, 30, 100)

    @pytest.mark.parametrize("box", [Box(-10, 5, 10, 10), Box(-5, 5, 10, 10), Box(200, 50, 20, 20, 45)])
    def test_nothing_left(self, box):
        assert box.clipped(100, 100) is None
        assert box.inside_fraction(100, 100) == 0

    def test_rotated_box_near_a_corner_of_the_image_may_miss_it(self):
        box = Box(-4, -4, 12, 1, -45)  # its bounding box overlaps the image, the box does not
        assert box.corners()[2] > 0
        assert box.clipped(100, 100) is None

    def test_rotated_box_that_sticks_out_becomes_upright(self):
        clipped = Box(0, 50, 20 * math.sqrt(2), 20 * math.sqrt(2), 45).clipped(100, 100)
        assert clipped.corners() == pytest.approx((0, 30, 20, 70))

    @given(boxes())
    def test_clipped_box_lies_in_the_image(self, box):
        clipped = box.clipped(400, 300)
        x0, y0, x1, y1 = clipped.corners()
        assert x0 >= -1e-9
        assert y0 >= -1e-9
        assert x1 <= 400 + 1e-9
        assert y1 <= 300 + 1e-9

    @given(boxes(rotated=False))
    def test_inside_fraction_is_the_clipped_area(self, box):
        assert box.inside_fraction(400, 300) == pytest.approx(box.clipped(400, 300).area / box.area)

    @given(boxes())
    def test_a_box_within_the_image_lies_inside_it_wholly(self, box):
        x0, y0, x1, y1 = box.corners()
        assume(x1 > 0 and y1 > 0)
        moved = box.translated(max(0.0, -x0) + 1, max(0.0, -y0) + 1)
        _, _, right, below = moved.corners()
        assert moved.inside_fraction(right + 1, below + 1) == 1


class TestIou:
    @given(boxes(), boxes())
    def test_is_symmetric_and_bounded(self, first, second):
        assert first.iou(second) == second.iou(first)
        assert 0 <= first.iou(second) <= 1

    @given(boxes())
    def test_of_a_box_with_itself_is_one(self, box):
        assert box.iou(box) == 1
        assert box.iou(box.rotated(180)) == pytest.approx(1)

    @given(boxes(rotated=False), boxes(rotated=False))
    def test_of_upright_boxes_is_the_textbook_formula(self, first, second):
        (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = first.corners(), second.corners()
        overlap = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
        assert first.iou(second) == pytest.approx(overlap / (first.area + second.area - overlap), abs=1e-12)

    @given(boxes(rotated=False), boxes(rotated=False), ANGLES)
    def test_is_the_same_after_turning_both(self, first, second, degrees):
        turned = first.rotated_about(0, 0, degrees).iou(second.rotated_about(0, 0, degrees))
        assert turned == pytest.approx(first.iou(second), abs=1e-6)

    @given(boxes(), boxes())
    def test_agrees_with_counting_points(self, first, second):
        assume(first.area > 100)
        assume(second.area > 100)
        u, v = np.meshgrid((np.arange(60) + 0.5) / 60 - 0.5, (np.arange(60) + 0.5) / 60 - 0.5)
        cos, sin = first.cos_sin()
        x = first.cx + u * first.width * cos - v * first.height * sin - second.cx
        y = first.cy + u * first.width * sin + v * first.height * cos - second.cy
        cos, sin = second.cos_sin()
        within = (np.abs(x * cos + y * sin) <= second.width / 2) & (np.abs(y * cos - x * sin) <= second.height / 2)
        overlap = within.mean() * first.area
        assert first.iou(second) == pytest.approx(overlap / (first.area + second.area - overlap), abs=0.03)

    def test_known_values(self):
        square = Box(0, 0, 2, 2)
        assert square.iou(Box(1, 0, 2, 2)) == pytest.approx(1 / 3)
        octagon = 8 * (math.sqrt(2) - 1)
        assert square.iou(square.rotated(45)) == pytest.approx(octagon / (8 - octagon))
        assert square.iou(Box(2, 0, 2, 2)) == 0


@given(boxes(), st.floats(-500, 500), st.floats(-500, 500))
def test_places_along_and_across_lead_back_to_the_point(box: Box, x: float, y: float) -> None:
    along, across = box.local(x, y)
    assert math.hypot(along, across) == pytest.approx(math.hypot(x - box.cx, y - box.cy))
    assert box.point(along, across) == pytest.approx((x, y), abs=1e-6)
