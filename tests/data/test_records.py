from __future__ import annotations

import numpy as np
import pytest
from data_helpers import head_layout

from fetalflex.data.records import Dataset, Record, check_size
from fetalflex.errors import FetalFlexError

LAYOUT = head_layout()


class Blank(Dataset):
    """A data set whose images are black."""

    def image(self, record):
        return np.zeros((record.layout.height, record.layout.width), np.uint8)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file_name": "../a.png"}, "a.png"),
        ({"file_name": "/a.png"}, "a.png"),
        ({"split": "holdout"}, "train, val, test"),
        ({"quality": -1}, "negative"),
        ({"extra": {"width": 3}}, "width"),
    ],
)
def test_wrong_fields_are_refused(changes, message):
    with pytest.raises(FetalFlexError, match=message):
        Record(**{"file_name": "a.png", "layout": LAYOUT, **changes})


def test_file_names_use_slashes():
    assert Record("images\\a.png", LAYOUT).file_name == "images/a.png"


def test_the_patient_key_falls_back_to_the_file_name():
    assert Record("images/a.b.png", LAYOUT).patient_key == "a.b"
    assert Record("images/a.png", LAYOUT, patient="7").patient_key == "7"


def test_subsets_are_chosen_by_split_plane_and_quality():
    records = [
        Record("a.png", LAYOUT, split="train", quality=1),
        Record("b.png", LAYOUT, split="train", quality=3),
        Record("c.png", LAYOUT, split="train"),
        Record("d.png", LAYOUT, split="test"),
    ]
    dataset = Blank(records)
    names = [record.file_name for record in dataset.subset(split="train", min_quality=2)]
    assert names == ["b.png", "c.png"]
    assert len(dataset.subset(planes=["femur"])) == 0
    assert len(dataset.subset(planes={"thalamic_transverse"})) == len(dataset) == 4
    assert dataset.subset(split="test")[0] is records[3]
    with pytest.raises(FetalFlexError, match="holdout"):
        dataset.subset(split="holdout")


def test_an_image_of_another_size_is_refused():
    with pytest.raises(FetalFlexError, match="90 x 80 pixels, but its annotations are for 100 x 80"):
        check_size(np.zeros((80, 90), np.uint8), Record("a.png", LAYOUT), "a.png")


def test_an_id_names_the_same_patient_in_every_source() -> None:
    assert Record("a.png", LAYOUT, "fp305", "one").person == Record("b.png", LAYOUT, "fp305", "two").person == "fp305"


def test_images_of_unknown_patients_are_of_different_ones() -> None:
    people = {Record(name, LAYOUT, None, source).person for name in ("a.png", "b.png") for source in ("one", "two")}
    assert len(people) == 4
