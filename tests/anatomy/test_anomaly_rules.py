from __future__ import annotations

import pytest
from anomaly_layouts import ABDOMEN, with_box

from fetalflex.anatomy import Box, Layout, Registry
from fetalflex.anatomy.anomalies import Plausibility, Rules, default_library
from fetalflex.anatomy.anomalies.rules import BONE_OVERLAP, ORGAN_OVERLAP
from fetalflex.anatomy.anomalies.shapes import reach_in_ellipse

RULES = default_library().rules


def problems(registry: Registry, after: Layout, before: Layout = ABDOMEN) -> list[str]:
    return Plausibility(before, registry, RULES).problems(after)


def test_what_did_not_change_is_possible(registry):
    sloppy = with_box("stomach", Box(290, 160, 60, 40))  # on the spine already
    assert problems(registry, sloppy, sloppy) == []


@pytest.mark.parametrize(
    ("name", "box", "sentence"),
    [
        ("stomach", Box(100, 220, 60, 40), "stomach would lie partly outside the abdomen"),
        ("stomach", Box(180, 210, 60, 120), "stomach would lie partly outside the abdomen"),
        ("stomach", Box(285, 160, 60, 40), "stomach would overlap the bone spine"),
        ("stomach", Box(130, 145, 60, 40), "stomach would overlap umbilical_vein"),
        ("abdomen", Box(200, 150, 280, 340), "abdomen would lie partly outside the image of 400 x 300 px"),
    ],
)
def test_each_rule(registry, name, box, sentence):
    assert sentence in problems(registry, with_box(name, box))


def test_tissue_may_be_overlapped_and_so_may_pairs(registry):
    assert problems(registry, with_box("stomach", Box(200, 80, 60, 40))) == []  # in the liver
    after = with_box("stomach", Box(130, 145, 60, 40))
    free = Rules(RULES.bones, RULES.surroundings, frozenset({frozenset({"stomach", "umbilical_vein"})}))
    assert Plausibility(ABDOMEN, registry, free).problems(after) == []


def test_what_was_so_before_may_stay_so(registry):
    before = with_box("stomach", Box(180, 262, 60, 40))  # sticks out of the abdomen
    reach = reach_in_ellipse(before.structures[1].box, before.structures[0].box)
    assert reach > 1
    assert problems(registry, with_box("stomach", Box(180, 255, 60, 40)), before) == []
    assert problems(registry, with_box("stomach", Box(180, 270, 60, 40)), before) != []


def test_what_lies_within_its_old_box_is_always_possible(registry):
    before = with_box("stomach", Box(290, 160, 60, 40))
    assert problems(registry, with_box("stomach", Box(295, 160, 40, 20)), before) == []


def test_limits(registry):
    assert RULES.largest_overlap("stomach", "spine") == BONE_OVERLAP
    assert RULES.largest_overlap("spine", "stomach") == BONE_OVERLAP
    assert RULES.largest_overlap("stomach", "kidney") == ORGAN_OVERLAP
    assert RULES.largest_overlap("stomach", "liver") == 1
    assert RULES.largest_overlap("choroid_plexus", "lateral_ventricle") == 1
    merged = Rules(frozenset({"spine"})).merged_with(Rules(frozenset({"ribs"}), frozenset({"liver"})))
    assert merged == Rules(frozenset({"spine", "ribs"}), frozenset({"liver"}))
