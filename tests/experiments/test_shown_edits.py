from __future__ import annotations

import pytest
from PIL import ImageFont

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.errors import FetalFlexError
from fetalflex.experiments.shown_edits import SHOWN_EDITS, grown_downwards, towards_centre

REGISTRY = default_registry()
HEAD = Layout(
    "thalamic_transverse",
    200,
    160,
    (
        PlacedStructure("skull", Box(90, 80, 100, 70, 10)),
        PlacedStructure("choroid_plexus", Box(110, 90, 20, 10)),
        PlacedStructure("choroid_plexus", Box(70, 70, 20, 10)),
    ),
)


def test_a_structure_moves_a_share_of_the_way_to_the_centre() -> None:
    layout = HEAD.with_structures(HEAD.structures[:2])
    edited = towards_centre("choroid_plexus", 1.5)(layout, REGISTRY).apply(layout, REGISTRY)
    [moved] = edited.find("choroid_plexus")
    assert (moved.box.cx, moved.box.cy) == pytest.approx((80, 75))


def test_a_structure_that_grows_downwards_keeps_its_upper_edge() -> None:
    layout = Layout("facial_sagittal", 100, 100, (PlacedStructure("nuchal_translucency", Box(50, 60, 30, 10)),))
    edited = grown_downwards("nuchal_translucency", 1.8)(layout, REGISTRY).apply(layout, REGISTRY)
    assert edited.structures[0].box.corners() == pytest.approx((35, 55, 65, 73))


@pytest.mark.parametrize("builder", [towards_centre("stomach", 1), grown_downwards("stomach", 2)])
def test_a_layout_without_the_structure_is_refused(builder) -> None:
    with pytest.raises(FetalFlexError, match="it holds"):
        builder(Layout("abdominal_transverse", 50, 50), REGISTRY)


@pytest.mark.parametrize("plane", SHOWN_EDITS)
def test_each_plane_shows_every_kind_of_edit_under_names_of_their_own(plane: str) -> None:
    edits = SHOWN_EDITS[plane]
    assert REGISTRY.plane(plane).name == plane
    assert len({edit.name for edit in edits}) == len({edit.title for edit in edits}) == 5
    kinds = [edit.name.rsplit("-", 1)[1] for edit in edits]
    assert kinds == ["moved", "enlarged", "shrunk", "rotated", "removed"]


def test_the_font_has_every_letter_of_the_titles() -> None:
    font = ImageFont.load_default(size=20)
    missing = bytes(font.getmask("\uffff"))
    letters = {letter for edits in SHOWN_EDITS.values() for edit in edits for letter in edit.title}
    letters |= {letter for structure in REGISTRY.structures for letter in structure.title}
    assert [letter for letter in letters if letter != " " and bytes(font.getmask(letter)) == missing] == []
