from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from data_strategies import FILE_NAMES
from export_helpers import SCAN, pixels_of
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.data.exporters.image_writer import ImageWriter, Stems
from fetalflex.data.image_files import read_image, read_png_text


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("images/scan.png", "scan"),
        ("003_HC_png.rf.1e2c.jpg", "003_HC_png_rf_1e2c"),
        ("a.png.png", "a_png"),
        ("Müller, Anna.png", "Muller_Anna"),
        ("train.png", "image_train"),
        ("Classes.png", "image_Classes"),
        ("README.roboflow.png", "image_README_roboflow"),
        ("con.png", "image_con"),
        ("名.png", "image"),
    ],
)
def test_stems(name, stem):
    assert Stems().give(name) == stem


@given(st.lists(FILE_NAMES, max_size=6))
def test_each_stem_is_plain_and_given_once(names):
    stems = Stems()
    given = [stems.give(name).casefold() for name in names]
    assert len(set(given)) == len(given)
    assert all(re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", stem) for stem in given)


def test_images_are_plain_png_and_each_has_its_line(tmp_path):
    with ImageWriter(tmp_path) as images:
        first = images.add(SCAN, pixels_of(SCAN), "a/b")
        second = images.add(replace(SCAN, file_name="other/scan.jpg", patient="\n'ü"), pixels_of(SCAN), "a")
    assert (str(first), str(second)) == ("a/b/scan.png", "a/scan_2.png")
    assert np.array_equal(read_image(tmp_path / first), pixels_of(SCAN))
    assert read_png_text(tmp_path / first) == {}
    lines = [json.loads(line) for line in (tmp_path / "records.jsonl").read_text().splitlines()]
    assert [line["exported_from"] for line in lines] == ["images/scan.png", "other/scan.jpg"]
    assert lines[0]["image"] == {
        "file_name": "a/b/scan.png",
        "width": 100,
        "height": 80,
        "plane": "abdominal_transverse",
        "patient": "p1",
        "source": "ours",
        "split": "train",
        "quality": 3,
        "pixel_spacing_mm": 0.2,
        "class": "normal",
        "license": 1,
    }
    assert lines[1]["image"]["patient"] == "\n'ü"
