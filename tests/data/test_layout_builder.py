from __future__ import annotations

import pytest
from data_helpers import boxes

from fetalflex.anatomy.box import Box
from fetalflex.data.importers.base import Finding, ImportOptions
from fetalflex.data.importers.layout_builder import LayoutBuilder
from fetalflex.errors import FetalFlexError


@pytest.fixture
def builder(tmp_path):
    return LayoutBuilder(ImportOptions(plane="thalamic_transverse"), tmp_path / "a.png", "a.png", (100, 80))


def test_good_boxes_make_an_item(builder):
    builder.add("HC", Box(50, 40, 60, 50, 30), "row 1")
    builder.add("CSP", Box.from_corners(10, 20, 30, 40), "row 2")
    (item,) = builder.finish(patient="p", source="s", split="val", quality=2, extra={"device": "E6"})
    assert boxes(item) == [("skull", 50, 40, 60, 50, 30), ("cavum_septi_pellucidi", 20, 30, 20, 20, 0)]
    assert (item.patient, item.source, item.split, item.quality, item.extra) == ("p", "s", "val", 2, {"device": "E6"})


def test_an_upright_box_that_sticks_out_is_clipped_and_noted(builder):
    builder.add("skull", Box.from_corners(-20, 10, 20, 50), "row 1")
    note, item = builder.finish()
    assert boxes(item) == [("skull", 10, 30, 20, 40, 0)]
    assert note == Finding(
        "row 1", "the box of 'skull' from (-20, 10) to (20, 50) sticks out of the image; 50% is kept", "noted"
    )


def test_a_rotated_box_that_sticks_out_stays_whole_and_is_noted(builder):
    builder.add("skull", Box(50, 40, 100, 70, 30), "row 1")
    note, item = builder.finish()
    assert boxes(item) == [("skull", 50, 40, 100, 70, 30)]
    assert note.kind == "noted"
    assert "kept whole" in note.reason


def test_rounding_of_printed_numbers_is_clipped_without_a_note(builder):
    builder.add("skull", Box.from_corners(-0.001, 10, 100.001, 50), "row 1")
    (item,) = builder.finish()
    assert item.layout.structures[0].box.corners() == (0, 10, 100, 50)


@pytest.mark.parametrize(
    ("label", "corners", "reason"),
    [
        ("skull", (100, 10, 120, 50), "outside the image of 100 x 80 pixels"),
        ("skull", (10, 10, 10, 50), "x0 < x1"),
        ("skull", (10, float("nan"), 20, 50), "finite"),
        ("elbow", (10, 10, 20, 50), "unknown structure 'elbow'"),
        ("stomach", (10, 10, 20, 50), "no structure of the plane"),
    ],
)
def test_bad_boxes_and_labels_are_refused_alone(builder, label, corners, reason):
    builder.add_made(label, lambda: Box.from_corners(*corners), "row 1")
    builder.add("CSP", Box(50, 40, 10, 10), "row 2")
    refusal, item = builder.finish()
    assert refusal.where == "row 1"
    assert reason in refusal.reason
    assert refusal.kind == "refused"
    assert item.layout.names() == ("cavum_septi_pellucidi",)


def test_the_same_box_twice_is_refused_once(builder):
    for row in (1, 2):
        builder.add("skull", Box(50, 40, 10, 10), f"row {row}")
    refusal, item = builder.finish()
    assert (refusal.where, refusal.reason) == ("row 2", "'skull' has the same box twice")
    assert len(item.layout.structures) == 1


def test_an_image_without_usable_box_is_refused(builder):
    builder.add("elbow", Box(50, 40, 10, 10), "row 1")
    assert [refusal.where for refusal in builder.finish()] == ["row 1", "a.png"]


def test_plane_and_spacing_of_the_image_are_checked(tmp_path):
    make = {"options": ImportOptions(), "image": tmp_path / "a.png", "name": "a.png", "size": (100, 80)}
    for options in ({}, {"plane": "elbow"}, {"plane": "femur", "pixel_spacing_mm": -1.0}):
        with pytest.raises(FetalFlexError):
            LayoutBuilder(**make, **options)


def test_a_label_that_the_user_ignores_is_told_apart_from_one_that_is_unknown(tmp_path) -> None:
    options = ImportOptions(plane="abdominal_transverse", label_map={"caliper": "ignore"})
    builder = LayoutBuilder(options, tmp_path / "a.png", "a.png", (100, 80))
    for row, label in enumerate(("abdomen", "caliper", "elbow"), start=1):
        builder.add(label, Box(50, 40, 20, 10), f"row {row}")
    ignored, refused, item = builder.finish()
    assert (ignored.kind, ignored.label, ignored.where) == ("ignored", "caliper", "row 2")
    assert refused.kind == "refused"
    assert "elbow" in refused.reason
    assert item.layout.names() == ("abdomen",)
