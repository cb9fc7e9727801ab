from __future__ import annotations

import pytest
from data_helpers import FIXTURES, read_all, reasons, save_image, save_text

from fetalflex.errors import FetalFlexError

SET = FIXTURES / "fetal_planes_db"
HEADER = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train \n"


def make_set(tmp_path, *rows: str):
    for number, _ in enumerate(rows):
        save_image(tmp_path / "Images" / f"i{number}.png")
    lines = "".join(f"i{number};{row}\n" for number, row in enumerate(rows))
    save_text(tmp_path / "FETAL_PLANES_DB_data.csv", HEADER + lines)
    return tmp_path


def test_the_published_set():
    items, refusals = read_all("fetal_planes", SET)
    brain, abdomen = items
    assert brain.image_path.name == "Patient00820_Plane3_1_of_3.png"
    assert (brain.layout.plane, brain.layout.width, brain.layout.height) == ("thalamic_transverse", 959, 661)
    assert (brain.patient, brain.source, brain.split) == ("fp820", "fetal_planes_db", "train")
    assert brain.extra == {"device": "Voluson E6", "operator": "Op. 2"}
    assert brain.layout.structures == ()
    assert (abdomen.layout.plane, abdomen.patient, abdomen.split) == ("abdominal_transverse", "fp1165", "train")
    assert len(refusals) == 8
    assert "line 2: Patient00695_Plane3_3_of_4: there is no image" in reasons(refusals)


@pytest.mark.parametrize(
    ("label", "plane"),
    [
        ("Fetal brain;Trans-thalamic", "thalamic_transverse"),
        ("Fetal brain;Trans-ventricular", "ventricular_transverse"),
        ("Fetal brain;Trans-cerebellum", "cerebellar_transverse"),
        ("Fetal abdomen;Not A Brain", "abdominal_transverse"),
        ("Fetal femur;Not A Brain", "femur"),
        ("Fetal thorax;Not A Brain", "thorax"),
    ],
)
def test_planes(tmp_path, label, plane):
    (item,), refusals = read_all("fetal_planes", make_set(tmp_path, f"7;{label};Op. 1;Aloka;0 "))
    assert item.layout.plane == plane
    assert (item.patient, item.split) == ("fp7", "test")
    assert refusals == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("7;Fetal brain;Other;Op. 1;Aloka;0", "the brain plane 'Other' is none of Trans-thalamic"),
        ("7;Maternal cervix;Not A Brain;Op. 1;Aloka;0", "the plane 'Maternal cervix' is none of Fetal abdomen"),
        ("7;Other;Not A Brain;Op. 1;Aloka;0", "the plane 'Other' is none of"),
        ("x;Fetal femur;Not A Brain;Op. 1;Aloka;0", "Patient_num is 'x'; it must be a number"),
        ("7;Fetal femur;Not A Brain;Op. 1;Aloka;2", "Train is '2'; it must be 1 or 0"),
    ],
)
def test_other_rows_are_refused_whatever_plane_the_user_names(tmp_path, row, reason):
    items, refusals = read_all("fetal_planes", make_set(tmp_path, row), plane="femur")
    assert items == []
    (refusal,) = refusals
    assert refusal.where == "FETAL_PLANES_DB_data.csv line 2: i0"
    assert reason in refusal.reason


def test_images_and_rows_without_each_other_are_named(tmp_path):
    source = make_set(tmp_path, "7;Fetal femur;Not A Brain;Op. 1;Aloka;0")
    save_image(source / "Images" / "more.png")
    (item,), refusals = read_all("fetal_planes", source)
    assert item.image_path.stem == "i0"
    assert reasons(refusals) == "Images/more.png: FETAL_PLANES_DB_data.csv does not name this image"


def test_the_table_itself_and_a_patient_pattern(tmp_path):
    source = make_set(tmp_path, "7;Fetal femur;Not A Brain;;;0") / "FETAL_PLANES_DB_data.csv"
    (item,), _ = read_all("fetal_planes", source, patient_pattern="(i.)")
    assert (item.patient, item.extra) == ("i0", {})


def test_without_the_table_there_is_nothing_to_read(tmp_path):
    with pytest.raises(FetalFlexError, match=r"holds no FETAL_PLANES_DB_data\.csv"):
        read_all("fetal_planes", tmp_path)
