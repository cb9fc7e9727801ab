from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.data import read_png_text
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.synthesis import Synthesis, picture_metadata

LAYOUT = Layout("femur", 40, 30, (PlacedStructure("femur", Box(20, 15, 20, 6, 12.5)),), 0.4)


@pytest.fixture
def synthesis() -> Synthesis:
    image = np.random.default_rng(0).integers(0, 256, (30, 40), dtype=np.uint8)
    settings = {"sampler": "ddim", "steps": 20, "eta": 0.0}
    return Synthesis(image, LAYOUT, np.ones((30, 40), bool), "fetal ultrasound", 7, "mini-0123456789ab", settings)


def test_the_png_holds_the_image_and_says_what_it_is(tmp_path: Path, synthesis: Synthesis) -> None:
    synthesis.save(tmp_path / "made.png")
    with Image.open(tmp_path / "made.png") as picture:
        assert picture.mode == "L"
        assert np.array_equal(np.asarray(picture), synthesis.image)
    text = read_png_text(tmp_path / "made.png")
    assert text["Synthetic"] == "true"
    assert "not for diagnosis" in text["Description"]
    assert (text["FetalFlex:seed"], text["FetalFlex:model"]) == ("7", "mini-0123456789ab")
    assert text["FetalFlex:prompt"] == "fetal ultrasound"
    assert json.loads(text["FetalFlex:settings"]) == synthesis.settings
    assert Layout.from_json(text["FetalFlex:layout"]) == LAYOUT


def test_the_layout_lies_beside_the_image(tmp_path: Path, synthesis: Synthesis) -> None:
    path = synthesis.save(str(tmp_path / "a.b.png"))
    assert path == tmp_path / "a.b.layout.json"
    assert Layout.load(path) == LAYOUT


@pytest.mark.parametrize("name", ["made.png", "made.layout.json"])
def test_nothing_is_overwritten_unasked(tmp_path: Path, synthesis: Synthesis, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(FetalFlexError, match=name):
        synthesis.save(tmp_path / "made.png")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "mine"
    synthesis.save(tmp_path / "made.png", force=True)
    assert Layout.load(tmp_path / "made.layout.json") == LAYOUT
    assert read_png_text(tmp_path / "made.png")["Synthetic"] == "true"


def test_another_ending_than_png_is_refused(tmp_path: Path, synthesis: Synthesis) -> None:
    with pytest.raises(FetalFlexError, match=r"made\.jpg does not end in \.png"):
        synthesis.save(tmp_path / "made.jpg")
    assert not list(tmp_path.iterdir())


def test_further_text_goes_into_the_png(tmp_path: Path, synthesis: Synthesis) -> None:
    synthesis.save(tmp_path / "made.png", extra={"FetalFlex:role": "normal"})
    text = read_png_text(tmp_path / "made.png")
    assert (text["FetalFlex:role"], text["FetalFlex:seed"], text["Synthetic"]) == ("normal", "7", "true")


def test_pictures_of_syntheses_say_what_they_are() -> None:
    text = picture_metadata("real: the first column")
    assert text["Synthetic"] == "true"
    assert text["Description"].endswith("not for diagnosis; real: the first column")
