from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import Layout
from fetalflex.data import read_png_text
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.pipeline.synthesis import Synthesis
from other_processes import leave_file

SETTINGS = {"model": "tiny-1", "seed": 0, "sampling": {"steps": 2}}


def synthesis() -> Synthesis:
    image = np.arange(48, dtype=np.uint8).reshape(6, 8)
    return Synthesis(image, Layout("femur", 8, 6), np.ones((6, 8), bool), "a prompt", 3, "tiny-1", {"steps": 2})


def test_a_finished_synthesis_is_there_the_next_time(tmp_path: Path) -> None:
    kept = KeptSyntheses(tmp_path / "out", SETTINGS)
    assert not kept.has("one")
    kept.add("one", synthesis())
    again = KeptSyntheses(tmp_path / "out", SETTINGS)
    assert again.has("one")
    np.testing.assert_array_equal(again.image("one", (6, 8)), synthesis().image)
    assert read_png_text(again.path("one"))["Synthetic"] == "true"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seed": 1}, "seed was 0, now 1"),
        ({"sampling": {"steps": 3}}, "sampling was {'steps': 2}, now {'steps': 3}"),
        ({"data": "x"}, "data was None, now 'x'"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, changed: dict, message: str) -> None:
    KeptSyntheses(tmp_path, SETTINGS).add("one", synthesis())
    with pytest.raises(FetalFlexError, match="holds an evaluation with other settings") as caught:
        KeptSyntheses(tmp_path, SETTINGS | changed)
    assert message in str(caught.value)


def test_settings_without_any_finished_image_bind_nobody(tmp_path: Path) -> None:
    KeptSyntheses(tmp_path, SETTINGS | {"sampling": {"steps": 5000}})
    KeptSyntheses(tmp_path, SETTINGS).add("one", synthesis())
    assert json.loads((tmp_path / "settings.json").read_text()) == SETTINGS


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all I have")
    with pytest.raises(FetalFlexError, match=r"is not empty \(thesis\.txt\) and is not an evaluation"):
        KeptSyntheses(tmp_path, SETTINGS)
    with pytest.raises(FetalFlexError, match="is a file; give a folder"):
        KeptSyntheses(tmp_path / "thesis.txt", SETTINGS)


@pytest.mark.parametrize("text", ['{"editor.tabSize": 4}', "[]", "// not even JSON"])
def test_settings_of_something_else_are_not_replaced(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(FetalFlexError, match=r"settings\.json"):
        KeptSyntheses(tmp_path, SETTINGS | {"format": "fetalflex/evaluation-settings"})
    assert (tmp_path / "settings.json").read_text() == text


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("all I have")
    with pytest.raises(FetalFlexError, match=r"thesis\.txt is a file; give a folder"):
        KeptSyntheses(tmp_path / "thesis.txt" / "deep" / "out", SETTINGS)


def test_damaged_settings_are_refused(tmp_path: Path) -> None:
    KeptSyntheses(tmp_path, SETTINGS).add("one", synthesis())
    (tmp_path / "settings.json").write_text("[1]")
    with pytest.raises(FetalFlexError, match=r"settings\.json is damaged"):
        KeptSyntheses(tmp_path, SETTINGS)


def test_a_synthesis_of_another_size_or_damaged_is_refused(tmp_path: Path) -> None:
    kept = KeptSyntheses(tmp_path, SETTINGS)
    kept.add("one", synthesis())
    with pytest.raises(FetalFlexError, match="delete it, and run the same command again"):
        kept.image("one", (6, 9))
    kept.path("one").write_bytes(kept.path("one").read_bytes()[:60])
    with pytest.raises(FetalFlexError, match=r"one\.png"):
        kept.image("one", (6, 8))


def test_a_synthesis_that_was_cut_short_is_not_finished(tmp_path: Path) -> None:
    kept = KeptSyntheses(tmp_path, SETTINGS)
    kept.add("one", synthesis())
    assert kept.has("one")
    data = kept.path("one").read_bytes()
    for damaged in (data[:-20], data[:100], b""):
        kept.path("one").write_bytes(damaged)
        assert not KeptSyntheses(tmp_path, SETTINGS).has("one")
    kept.add("one", synthesis())
    assert kept.path("one").read_bytes() == data


def test_what_a_killed_evaluation_left_is_removed(tmp_path: Path) -> None:
    KeptSyntheses(tmp_path, SETTINGS).add("one", synthesis())
    for folder in (tmp_path, tmp_path / "syntheses"):
        leave_file(folder)
    KeptSyntheses(tmp_path, SETTINGS)
    assert not list(tmp_path.rglob("*.partial"))
