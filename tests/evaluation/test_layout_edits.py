from __future__ import annotations

from dataclasses import replace

import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.evaluation.layout_edits import largest, with_all_enlarged, with_enlarged, without

SKULL = PlacedStructure("skull", Box(40, 30, 40, 30, 20))
THALAMI = PlacedStructure("thalami", Box(44, 28, 10, 8))
LAYOUT = Layout("thalamic_transverse", 80, 60, (SKULL, THALAMI), pixel_spacing_mm=0.5)


def test_one_structure_is_enlarged_in_its_place() -> None:
    enlarged = with_enlarged(LAYOUT, "thalami", 1.5)
    assert enlarged.find("skull") == (SKULL,)
    assert enlarged.find("thalami")[0].box == Box(44, 28, 15, 12)


def test_everything_is_enlarged_about_the_centre_of_the_outline() -> None:
    enlarged = with_all_enlarged(LAYOUT, "skull", 1.5)
    assert enlarged.find("skull")[0].box == Box(40, 30, 60, 45, 20)
    assert enlarged.find("thalami")[0].box == Box(46, 27, 15, 12)
    assert enlarged.pixel_spacing_mm == 0.5


def test_what_leaves_the_image_is_dropped() -> None:
    layout = replace(LAYOUT, structures=(SKULL, PlacedStructure("thalami", Box(79, 30, 4, 4))))
    assert with_all_enlarged(layout, "skull", 1.5).names() == ("skull",)


def test_all_structures_of_a_name_are_removed() -> None:
    assert without(replace(LAYOUT, structures=(SKULL, THALAMI, THALAMI)), "thalami").structures == (SKULL,)


def test_the_largest_of_several_is_found() -> None:
    small = PlacedStructure("skull", Box(40, 30, 4, 4))
    assert largest(replace(LAYOUT, structures=(small, SKULL)), "skull") == SKULL
    with pytest.raises(ValueError, match="empty"):
        largest(LAYOUT, "palate")
