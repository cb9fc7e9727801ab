from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.evaluation.adherence.layout_edits import with_all_enlarged, with_enlarged, with_one_moved, without

SKULL = PlacedStructure("skull", Box(40, 30, 40, 30, 20))
THALAMI = PlacedStructure("thalami", Box(44, 28, 10, 8))
LAYOUT = Layout("thalamic_transverse", 80, 60, (SKULL, THALAMI), pixel_spacing_mm=0.5)


def test_one_structure_is_enlarged_in_its_place() -> None:
    enlarged = with_enlarged(LAYOUT, "thalami", 1.5)
    assert enlarged.find("skull") == (SKULL,)
    assert enlarged.find("thalami")[0].box == Box(44, 28, 15, 12)


def test_an_outline_and_what_lies_in_it_are_enlarged_about_the_centre_of_the_outline() -> None:
    enlarged = with_all_enlarged(LAYOUT, "skull", 1.5)
    assert enlarged.find("skull")[0].box == Box(40, 30, 60, 45, 20)
    assert enlarged.find("thalami")[0].box == Box(46, 27, 15, 12)
    assert enlarged.pixel_spacing_mm == 0.5


def test_what_leaves_the_image_is_dropped() -> None:
    layout = replace(LAYOUT, structures=(SKULL, PlacedStructure("thalami", Box(57, 36, 4, 4))))
    assert with_all_enlarged(layout, "skull", 3).names() == ("skull",)


def test_all_structures_of_a_name_are_removed() -> None:
    assert without(replace(LAYOUT, structures=(SKULL, THALAMI, THALAMI)), "thalami").structures == (SKULL,)


def test_what_lies_outside_the_outline_stays() -> None:
    cyst = PlacedStructure("cyst", Box(72, 30, 4, 4))
    enlarged = with_all_enlarged(replace(LAYOUT, structures=(SKULL, cyst)), "skull", 1.5)
    assert enlarged.find("cyst") == (cyst,)


def test_one_inner_structure_is_moved_by_half_its_size_towards_the_middle() -> None:
    layout = replace(LAYOUT, structures=(SKULL, THALAMI, PlacedStructure("cavum_septi_pellucidi", Box(70, 30, 8, 2))))
    middle = np.array([SKULL.box.cx, SKULL.box.cy])
    for which in range(4):
        edited = with_one_moved(layout, SKULL, which)
        assert edited is not None
        [(before, after)] = [
            pair for pair in zip(layout.structures, edited.structures, strict=True) if pair[0] != pair[1]
        ]
        assert before == layout.structures[1 + which % 2]
        assert (after.box.width, after.box.height) == (before.box.width, before.box.height)
        old, new = (np.array([one.box.cx, one.box.cy]) for one in (before, after))
        assert np.hypot(*(new - old)) == pytest.approx(0.5 * math.sqrt(before.box.area))
        if np.hypot(*(old - middle)) > 0.5 * math.sqrt(before.box.area):
            assert np.hypot(*(new - middle)) < np.hypot(*(old - middle))


def test_without_an_inner_structure_nothing_is_moved() -> None:
    assert with_one_moved(replace(LAYOUT, structures=(SKULL,)), SKULL, 0) is None


def test_without_an_outline_the_middle_is_that_of_all_structures() -> None:
    layout = replace(LAYOUT, structures=(THALAMI, PlacedStructure("cavum_septi_pellucidi", Box(70, 30, 8, 2))))
    edited = with_one_moved(layout, None, 1)
    assert edited is not None
    assert edited.structures[0] == THALAMI
    assert edited.structures[1].box.cx < 70
