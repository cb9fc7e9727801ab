from __future__ import annotations

import pytest

from fetalflex.data.importers import IMPORTERS, ImportOptions, get_importer
from fetalflex.errors import FetalFlexError

MINE = ("coco", "yolo", "voc", "labelme", "cvat", "table", "masks")


@pytest.mark.parametrize("name", MINE)
def test_importers_are_found_by_name(name):
    assert get_importer(name).name == name


def test_an_unknown_format_is_told_with_all_names():
    with pytest.raises(FetalFlexError, match=", ".join(sorted(IMPORTERS))):
        get_importer("nifti")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"plane": "elbow"}, "unknown plane 'elbow'"),
        ({"label_map": {"a": "skul"}}, "skull"),
        ({"min_area": 0}, "min_area"),
        ({"patient_pattern": "("}, "no regular expression"),
        ({"patient_pattern": r"\d+"}, "0 groups"),
        ({"patient_pattern": r"(\d)(\d)"}, "2 groups"),
    ],
)
def test_options_are_checked_at_once(options, message):
    with pytest.raises(FetalFlexError, match=message):
        ImportOptions(**options)


def test_the_plane_of_the_image_comes_before_the_option():
    options = ImportOptions(plane="brain-tv")
    assert options.plane_of(None) == "ventricular_transverse"
    assert options.plane_of("femur") == "femur"
    with pytest.raises(FetalFlexError, match="option plane"):
        ImportOptions().plane_of(None)


def test_labels_go_through_the_map_and_the_synonyms():
    options = ImportOptions(label_map={"1": "skull", "arm": "ignore"})
    assert options.structure_of("1", "thalamic_transverse") == "skull"
    assert options.structure_of("CSP", "thalamic_transverse") == "cavum_septi_pellucidi"
    for label, message in (
        ("arm", "left out"),
        ("elbow", "unknown structure"),
        ("stomach", "no structure of"),
    ):
        with pytest.raises(FetalFlexError, match=message):
            options.structure_of(label, "thalamic_transverse")


def test_the_patient_is_what_the_pattern_finds():
    options = ImportOptions(patient_pattern=r"^Patient(\d+)_")
    assert options.patient_of("Patient00012_Plane3.png") == "00012"
    assert options.patient_of("other.png") is None
    assert ImportOptions().patient_of("Patient1_") is None
