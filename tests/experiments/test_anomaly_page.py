from __future__ import annotations

import re
from pathlib import Path

from experiment_helpers import write_dataset

from fetalflex.abilities import Abilities, Hits, StructureAbility
from fetalflex.anatomy import default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.experiments.anomaly_page import anomaly_page
from fetalflex.experiments.anomaly_plan import plan_sheets
from small_layouts import ABDOMEN

REGISTRY = default_registry()


def page(tmp_path: Path) -> str:
    plans = plan_sheets(default_library(), write_dataset(tmp_path / "set", ABDOMEN), REGISTRY, seed=4)
    return anomaly_page(default_library(), plans, REGISTRY, "mini-123", seed=4, steps=20)


def test_every_anomaly_stands_there_with_every_grade(tmp_path: Path) -> None:
    text = page(tmp_path)
    for anomaly in default_library():
        section = text.split(f"\n## {anomaly.title}\n")[1].split("\n## ")[0]
        assert f"`{anomaly.name}`" in section
        assert all(f"\n- `{grade.name}`: " in section for grade in anomaly.severities)
        assert ("Not shown" in section) != ("![" in section)


def test_every_cited_source_is_given(tmp_path: Path) -> None:
    text = page(tmp_path)
    body, sources = text.split("\n## Sources\n")
    given = re.findall(r"^- `(\w+)`: ", sources, re.MULTILINE)
    cited = {key for anomaly in default_library() for grade in anomaly.severities for key in grade.sources}
    assert given == sorted(cited)
    assert all(f"`{key}`" in body for key in given)


def test_it_says_that_images_are_synthetic_and_how_they_are_made(tmp_path: Path) -> None:
    text = page(tmp_path)
    assert "not for diagnosis.** Model `mini-123`, seed 4, 20 steps." in text
    commands = re.findall(r"^fetalflex .*$", text, re.MULTILINE)
    assert commands[0] == "fetalflex experiment anomalies --out docs --seed 4 --steps 20 --force"
    assert (
        "fetalflex counterfactual images/0.png --dataset examples --anomaly dilated_stomach --severity severe "
        "--seed 4 --out out/dilated_stomach"
    ) in commands
    assert any("--anomaly absence --severity absent --structure stomach" in command for command in commands)


def test_it_says_what_was_measured_of_these_weights_alone(tmp_path: Path) -> None:
    plans = plan_sheets(default_library(), write_dataset(tmp_path / "set", ABDOMEN), REGISTRY, seed=4)
    stomach = StructureAbility("abdominal_transverse", "stomach", 120, Hits(7, 8), Hits(8, 8), Hits(0, 8))
    grades = {"duodenal_atresia": {"atresia": Hits(0, 5)}}

    def text(model: str) -> str:
        measured = Abilities(model, {}, grades, (stomach,))
        return anomaly_page(default_library(), plans, REGISTRY, "mini-123", 4, 20, measured)

    own, other = (" ".join(text(model).split()) for model in ("mini-123", "mini-456"))
    assert "Drawn: hardly (0 of 5)." in own
    assert "| abdominal_transverse | Stomach | fluid | 0.3 | 8 of 8 | 0 of 8 | 7 of 8 |" in own
    assert "Drawn" not in other
    assert "| - | Stomach | fluid | 0.3 | - | - | - |" in other
    assert "Tested is: stomach filled with fluid; duodenum filled with fluid." in other
