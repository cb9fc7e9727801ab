from __future__ import annotations

import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from fetalflex.anatomy import Layout, Recipe, default_registry
from fetalflex.counterfactuals import PAIR, CounterfactualPair, draw_difference, save_pair
from fetalflex.data import read_image, read_png_text
from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER


@pytest.fixture
def folder(pair: CounterfactualPair, tmp_path: Path) -> Path:
    save_pair(pair, tmp_path / "pair", source="scan.png")
    return tmp_path / "pair"


def test_every_part_is_there_and_reads_back(pair: CounterfactualPair, folder: Path) -> None:
    story = json.loads((folder / PAIR).read_text(encoding="utf-8"))
    assert {path.name for path in folder.iterdir()} == {MARKER, PAIR, *story["files"].values()}
    assert np.array_equal(read_image(folder / "normal.png"), pair.normal.image)
    assert np.array_equal(read_image(folder / "abnormal.png"), pair.abnormal.image)
    assert np.array_equal(read_image(folder / "may-differ.png") > 0, pair.may_differ)
    assert set(np.unique(read_image(folder / "may-differ.png"))) == {0, 255}
    before, after = (Layout.load(folder / f"{role}.layout.json") for role in ("normal", "abnormal"))
    assert (before, after) == (pair.variant.before, pair.variant.after)
    assert Recipe.load(folder / "anomaly.recipe.json").apply(before, default_registry()) == after


def test_the_difference_is_stored_exactly_and_as_a_picture(pair: CounterfactualPair, folder: Path) -> None:
    from PIL import Image

    with safe_open(folder / "difference.safetensors", framework="numpy") as file:
        difference = file.get_tensor("difference")
        assert file.metadata()["synthetic"] == "true"
    assert difference.dtype == np.int16
    assert np.array_equal(difference, pair.difference)
    with Image.open(folder / "difference.png") as picture:
        assert np.array_equal(np.asarray(picture), draw_difference(pair.difference))


def test_every_picture_says_that_it_is_synthetic_and_of_which_anomaly(pair: CounterfactualPair, folder: Path) -> None:
    for name in ("normal", "abnormal", "may-differ", "difference"):
        text = read_png_text(folder / f"{name}.png")
        assert text["Synthetic"] == "true"
        assert "not for diagnosis" in text["Description"]
        about = json.loads(text["FetalFlex:counterfactual"])
        assert about.pop("role", None) == (name if name in ("normal", "abnormal") else None)
        assert about == {
            "anomaly": "dilated_stomach",
            "severity": "severe",
            "structure": None,
            "anomaly_seed": 3,
            "recipe": pair.variant.recipe.to_dict(),
        }
    assert read_png_text(folder / "abnormal.png")["FetalFlex:seed"] == "7"


def test_the_story_says_how_the_pair_was_made(pair: CounterfactualPair, folder: Path) -> None:
    story = json.loads((folder / PAIR).read_text(encoding="utf-8"))
    assert story["synthetic"] is True
    assert (story["source"], story["seed"], story["margin"]) == ("scan.png", 7, 0.03)
    assert story["model"] == pair.normal.model
    assert story["prompts"] == {"normal": pair.normal.prompt, "abnormal": pair.abnormal.prompt}
    assert story["measures"] == pair.measures()
    assert [set(one) for one in story["demands"]] == [{"demand", "value", "limit", "met"}] * len(pair.variant.tests)
    assert story["settings"]["close_up"] == list(astuple(pair.close_up))


def test_a_folder_is_replaced_only_if_it_holds_a_pair_and_that_is_wanted(
    pair: CounterfactualPair, folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(FetalFlexError, match="already there"):
        save_pair(pair, folder)
    save_pair(pair, folder, force=True)
    assert json.loads((folder / PAIR).read_text(encoding="utf-8"))["source"] is None
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine")
    with pytest.raises(FetalFlexError, match="is not a counterfactual pair"):
        save_pair(pair, other, force=True)
    assert (other / "mine.txt").read_text() == "mine"
