from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image

from fetalflex.errors import FetalFlexError

SET = FIXTURES / "fetus_framework"
STANDARD = Path("Set1-Training&Validation Sets CNN") / "Standard"


def make_set(tmp_path: Path, *folders: str, names: tuple[str, ...] = ("817", "32")) -> Path:
    """Copy the table, and put blank images of some of its names into folders."""
    shutil.copy(SET / "ObjectDetection.xlsx", tmp_path)
    for number, folder in enumerate(folders):
        for name in names:
            save_image(tmp_path / folder / f"{name}.png", 700 + number, 500)
    return tmp_path


def test_h_counts_rows_from_the_top_and_w_columns_from_the_left():
    items, refusals = read_all("fetus_framework", SET)
    by_name = {item.image_path.stem: item for item in items}
    assert sorted(by_name) == ["32", "755"]
    assert len([refusal for refusal in refusals if "there is no image" in refusal.reason]) == 10
    item = by_name["755"]
    assert (item.layout.plane, item.layout.width, item.layout.height) == ("facial_sagittal", 640, 450)
    assert (item.source, item.patient, item.split) == ("fetus_framework", None, None)
    (thalami,) = item.layout.find("thalami")
    assert thalami.box.corners() == (253, 201, 331, 258)
    assert item.layout.names() == (
        "cisterna_magna",
        "intracranial_translucency",
        "midbrain",
        "nasal_bone",
        "nasal_skin",
        "nasal_tip",
        "nuchal_translucency",
        "palate",
        "thalami",
    )
    assert ("palate", 308.5, 180, 91, 58, 0) in boxes(by_name["32"])


def test_images_without_boxes_are_named(tmp_path):
    source = make_set(tmp_path, str(STANDARD))
    save_image(source / "Set1-Training&Validation Sets CNN" / "Non-standard" / "5.png")
    items, refusals = read_all("fetus_framework", source)
    assert len(items) == 2
    assert "Non-standard/5.png: no usable annotation names this image" in reasons(refusals)


def test_of_images_with_one_name_those_of_the_detector_are_meant(tmp_path):
    source = make_set(tmp_path, "Set2-Training&Validation Sets ANN Scoring system/Standard", str(STANDARD))
    items, refusals = read_all("fetus_framework", source)
    assert {item.image_path.relative_to(source).parent for item in items} == {STANDARD}
    (note,) = [refusal for refusal in refusals if refusal.kind == "noted"]
    assert note.where == STANDARD.as_posix()
    assert "several folders hold images of one name" in note.reason


def test_a_folder_can_be_named(tmp_path):
    source = make_set(tmp_path, "other", str(STANDARD))
    items, refusals = read_all("fetus_framework", source, images="other")
    assert {item.image_path.parent.name for item in items} == {"other"}
    assert not any(refusal.kind == "noted" for refusal in refusals)


def test_images_with_one_name_in_unknown_folders_are_not_guessed_at(tmp_path):
    source = make_set(tmp_path, "first", "second")
    with pytest.raises(FetalFlexError, match="option images"):
        read_all("fetus_framework", source)


def test_without_the_table_there_is_nothing_to_read(tmp_path):
    save_image(tmp_path / "817.png")
    with pytest.raises(FetalFlexError, match=r"holds no ObjectDetection\.xlsx"):
        read_all("fetus_framework", tmp_path)


def test_the_plane_is_given(tmp_path):
    items, _ = read_all("fetus_framework", make_set(tmp_path, str(STANDARD)), plane="sagittal face")
    assert len(items) == 2
    with pytest.raises(FetalFlexError, match="shows facial_sagittal only, not femur"):
        read_all("fetus_framework", tmp_path, plane="femur")
