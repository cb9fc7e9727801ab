from __future__ import annotations

import re
from pathlib import Path

from experiment_helpers import ABDOMEN, write_dataset

from fetalflex.anatomy import default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.experiments.anomaly_page import anomaly_page
from fetalflex.experiments.anomaly_plan import plan_sheets

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
