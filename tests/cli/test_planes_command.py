from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_helpers import RunCommand

from fetalflex.abilities import ABILITIES, Abilities, Hits, StructureAbility


@pytest.fixture
def measured_model(tiny_model: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "measured"))
    stomach = StructureAbility("abdominal_transverse", "stomach", 120, Hits(7, 8), Hits(8, 8), Hits(0, 8))
    kidney = StructureAbility("abdominal_transverse", "kidney", 0)
    anomalies = {"duodenal_atresia": {"stenosis": Hits(0, 5), "atresia": Hits(1, 5)}}
    Abilities("tiny-0", {}, anomalies, (stomach, kidney)).save(folder / ABILITIES)
    return folder


def test_planes_are_listed_with_what_the_model_has_learnt(run: RunCommand, measured_model: Path) -> None:
    text = run("planes", "abdomen", "--model", measured_model).stdout
    lines = {line.split()[0]: line for line in text.splitlines() if line.startswith("  ") and ":" not in line}
    assert "120 images" in lines["stomach"]
    assert "yes (7 of 8)" in lines["stomach"]
    assert "gastric bubble" in lines["stomach"]
    assert "  NO  " in lines["kidney"]
    assert text.splitlines()[-1].startswith("learnt, drawn: of tiny-0")


def test_planes_as_json(run: RunCommand, measured_model: Path) -> None:
    planes = json.loads(run("planes", "--model", measured_model, "--json").stdout)
    abdomen = next(plane for plane in planes if plane["name"] == "abdominal_transverse")
    stomach = next(entry for entry in abdomen["structures"] if entry["name"] == "stomach")
    assert stomach == {
        "name": "stomach",
        "title": "Stomach",
        "synonyms": ["ST", "gastric bubble", "stomach bubble"],
        "echogenicity": "anechoic",
        "typical_size": [0.2, 0.15],
        "training_images": 120,
        "drawn": "yes (7 of 8)",
    }
    femur = next(plane for plane in planes if plane["name"] == "femur")
    assert {entry["training_images"] for entry in femur["structures"]} == {0}


def test_a_model_that_was_not_measured_says_so(run: RunCommand, tiny_model: Path) -> None:
    text = run("planes", "--model", tiny_model).stdout
    assert "has not been measured" in text
    assert "Facial sagittal plane (facial_sagittal)" in text


def test_an_unknown_plane_is_refused(run: RunCommand) -> None:
    assert "Did you mean" in run("planes", "abdomin", code=2).stderr


def test_anomalies_are_marked_that_the_model_cannot_draw(run: RunCommand, measured_model: Path) -> None:
    text = run("anomaly", "list", "--model", measured_model).stdout
    lines = {line.split()[0]: line for line in text.splitlines()}
    assert "hardly (1 of 10)" in lines["duodenal_atresia"]
    assert "not tested" in lines["hydrocephalus"]
    values = json.loads(run("anomaly", "list", "--model", measured_model, "--json").stdout)
    atresia = next(entry for entry in values if entry["name"] == "duodenal_atresia")
    assert atresia["drawn"]["atresia"] == {"seen": 1, "of": 5, "answer": "hardly"}


def test_demands_are_shown(run: RunCommand) -> None:
    text = run("anomaly", "show", "duodenal atresia or stenosis").stdout
    assert "demands       stomach filled with fluid, duodenum filled with fluid" in text
    assert "nothing that grey values can tell" in run("anomaly", "show", "absent_cavum_septi_pellucidi").stdout
    assert "that the structure is seen" in run("anomaly", "show", "displacement").stdout
