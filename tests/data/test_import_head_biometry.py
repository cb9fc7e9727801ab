from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image

from fetalflex.errors import FetalFlexError

SET = FIXTURES / "head_biometry"
PLANE_FOLDER = SET / "Trans-ventricular"
NAME = "Patient00978_Plane3_2_of_3"


def make_plane_folder(source: Path, name: str) -> None:
    """Copy the annotation of one image to a folder of another name, with a blank image of its size."""
    (source / name / "default").mkdir(parents=True)
    shutil.copy(PLANE_FOLDER / "default" / f"{NAME}.xml", source / name / "default")
    save_image(source / name / f"{NAME}.png", 959, 661)


def test_the_whole_set():
    (item,), refusals = read_all("head_biometry", SET)
    assert item.image_path == PLANE_FOLDER / f"{NAME}.png"
    assert (item.layout.plane, item.layout.width, item.layout.height) == ("ventricular_transverse", 959, 661)
    assert (item.patient, item.source) == ("fp978", "head_biometry")
    assert boxes(item, 1) == [
        ("lateral_ventricle", 612.4, 398.4, 85.7, 56.6, -11.2),
        ("skull", 457.5, 295.5, 665, 531, 0),
    ]
    assert reasons(refusals) == (
        "Trans-ventricular/default/Patient01782_Plane3_1_of_2.xml: there is no image 'Patient01782_Plane3_1_of_2.png'"
    )


def test_a_single_plane_folder():
    (item,), refusals = read_all("head_biometry", PLANE_FOLDER)
    assert item.layout.plane == "ventricular_transverse"
    assert refusals[0].where == "default/Patient01782_Plane3_1_of_2.xml"


def test_the_folder_names_the_plane(tmp_path):
    make_plane_folder(tmp_path, "Trans-thalamic")
    make_plane_folder(tmp_path, "inner/Trans-cerebellum")
    items, refusals = read_all("head_biometry", tmp_path)
    assert [item.layout.plane for item in items] == ["thalamic_transverse", "cerebellar_transverse"]
    assert "lateral_ventricle is no structure of the plane cerebellar_transverse" in reasons(refusals)


def test_a_folder_whose_name_is_no_plane(tmp_path):
    make_plane_folder(tmp_path, "Diverse Fetal Head Images")
    make_plane_folder(tmp_path, "Trans-ventricular")
    items, refusals = read_all("head_biometry", tmp_path)
    assert len(items) == 1
    assert refusals[0].where == "Diverse Fetal Head Images"
    assert "the folder's name is no plane" in refusals[0].reason
    items, refusals = read_all("head_biometry", tmp_path, plane="TT")
    assert [item.layout.plane for item in items] == ["thalamic_transverse", "ventricular_transverse"]
    assert refusals == []


def test_the_users_patient_pattern_goes_first():
    (item,), _ = read_all("head_biometry", SET, patient_pattern=r"Plane3_(\d)")
    assert item.patient == "2"


def test_nothing_to_read(tmp_path):
    with pytest.raises(FetalFlexError, match="holds no folder 'default' with XML files"):
        read_all("head_biometry", tmp_path)
    with pytest.raises(FetalFlexError, match="there is no folder"):
        read_all("head_biometry", tmp_path / "none")
