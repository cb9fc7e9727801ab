from __future__ import annotations

import math

import pytest
from anomaly_layouts import ABDOMEN, with_box

from fetalflex.anatomy import Box, Layout, Registry
from fetalflex.anatomy.anomalies import Plausibility, default_library
from fetalflex.anatomy.anomalies.repair import repairing_moves
from fetalflex.anatomy.anomalies.rules import BONE_OVERLAP
from fetalflex.anatomy.anomalies.scene import Scene
from fetalflex.anatomy.anomalies.shapes import overlap, reach_in_ellipse
from fetalflex.errors import FetalFlexError

LIBRARY = default_library()


def repaired(registry: Registry, after: Layout) -> Layout:
    scene = Scene(after, registry, LIBRARY.directions)
    position = next(i for i, (a, b) in enumerate(zip(ABDOMEN.structures, after.structures, strict=True)) if a != b)
    moves = repairing_moves(scene, position, Plausibility(ABDOMEN, registry, LIBRARY.rules))
    return scene.after(moves).layout


def test_what_sticks_out_is_moved_inwards_by_the_least(registry):
    box = Box(110, 210, 60, 40)
    after = repaired(registry, with_box("stomach", box))
    outline, moved = (after.find(name)[0].box for name in ("abdomen", "stomach"))
    assert reach_in_ellipse(moved, outline) == pytest.approx(1, abs=1e-3)
    towards = (200 - box.cx) * (moved.cy - box.cy) - (150 - box.cy) * (moved.cx - box.cx)
    assert towards == pytest.approx(0, abs=1e-6)
    assert Plausibility(ABDOMEN, registry, LIBRARY.rules).problems(after) == []


def test_what_overlaps_a_bone_is_moved_away_from_it(registry):
    box = Box(250, 170, 60, 40)
    after = repaired(registry, with_box("stomach", box))
    spine, moved = (after.find(name)[0].box for name in ("spine", "stomach"))
    assert overlap(spine, moved) <= BONE_OVERLAP + 0.005
    assert 0 < math.hypot(moved.cx - box.cx, moved.cy - box.cy) < 20
    assert moved.cx < box.cx


def test_an_outline_takes_all_along(registry):
    after = repaired(registry, with_box("abdomen", Box(200, 190, 280, 240)))
    for old, new in zip(ABDOMEN.structures[1:], after.structures[1:], strict=True):
        assert (new.box.cx - old.box.cx, new.box.cy - old.box.cy) == pytest.approx((0, -10), abs=0.01)


def test_what_is_possible_is_not_moved(registry):
    after = with_box("stomach", Box(200, 80, 60, 40))
    assert repaired(registry, after) == after


@pytest.mark.parametrize("box", [Box(180, 210, 60, 260), Box(290, 150, 50, 50), Box(180, 305, 20, 20)])
def test_what_a_small_move_cannot_help_is_refused(registry, box):
    with pytest.raises(FetalFlexError, match="stomach would"):
        repaired(registry, with_box("stomach", box))
