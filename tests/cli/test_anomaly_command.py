from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.anatomy import Layout, Recipe, default_registry
from fetalflex.data import read_image

EXAMPLES = Path(__file__).parents[2] / "examples"

OWN = """\
format: fetalflex/anomalies
version: 1
anomalies:
  tiny_stomach:
    about: The stomach is tiny.
    planes: [abdominal_transverse]
    organs: [stomach]
    changes:
      - {do: resize, structure: stomach, factor: 0.4}
    severities:
      tiny: {}
"""


@pytest.fixture
def apply(run: RunCommand, workplace: Path) -> RunCommand:
    """Apply an anomaly to the layout in the workplace."""

    def to_layout(name: str, *arguments: object, code: int = 0) -> Any:
        return run("anomaly", "apply", name, "scan.layout.json", "--out", "new.layout.json", *arguments, code=code)

    return to_layout


def test_list_shows_every_anomaly_with_its_grades(run: RunCommand, tiny_model: Path) -> None:
    lines = run("anomaly", "list", "--model", tiny_model).stdout.splitlines()
    assert lines[0].split() == ["anomaly", "drawn", "severities", "planes"]
    [row] = [line for line in lines if line.startswith("ventriculomegaly")]
    assert row.split(maxsplit=2)[1] == "-"
    assert row.endswith("mild, moderate, severe  ventricular_transverse, thalamic_transverse")
    assert lines[-2].split() == ["absence", "-", "absent", "all"]
    assert "was not measured" in lines[-1]
    assert len(lines) == 21


def test_list_of_a_plane_as_json(run: RunCommand, tiny_model: Path) -> None:
    arguments = ("anomaly", "list", "--plane", "facial profile", "--model", tiny_model, "--json")
    entries = json.loads(run(*arguments).stdout)
    assert entries[0] == {
        "name": "cleft_palate",
        "title": "Cleft palate",
        "planes": ["facial_sagittal"],
        "severities": ["small_gap", "large_gap"],
        "any_structure": False,
        "drawn": {},
    }
    assert [entry["name"] for entry in entries if entry["any_structure"]] == ["displacement", "size_change", "absence"]


def test_show_gives_thresholds_and_their_sources(run: RunCommand) -> None:
    text = run("anomaly", "show", "Ventriculomegaly").stdout
    assert "moderate: atrial width 13 to 15 mm [smfm_2018]\n" in text
    assert "  atrial_width 13 to 15 mm\n" in text
    assert "[smfm_2018] Society for Maternal-Fetal Medicine" in text
    assert "mild: no threshold in general use" in run("anomaly", "show", "dilated_stomach").stdout


def test_show_as_json(run: RunCommand) -> None:
    details = json.loads(run("anomaly", "show", "increased nuchal translucency", "--json").stdout)
    grade = details["severities"][1]
    assert grade["threshold"].startswith("3.5 mm, the 99th centile")
    assert grade["sources"][0].startswith("Souka AP")
    assert grade["values"]["thickness"] == [3.5, 4.4]


def test_apply_writes_layout_recipe_and_organs(apply: RunCommand) -> None:
    result = apply("dilated_stomach", "--severity", "mild", "--seed", 3)
    assert result.stdout.splitlines()[0] == "dilated_stomach, mild, seed 3"
    assert (
        "prompt: fetal ultrasound, abdominal transverse plane, with abdomen, stomach, mild, dilated stomach"
        in result.stdout
    )
    assert result.stdout.endswith("wrote new.layout.json, new.recipe.json, new.organs.png\n")
    after = Layout.load("new.layout.json")
    assert after.find("stomach")[0].box.area > LAYOUT.find("stomach")[0].box.area
    assert Recipe.load("new.recipe.json").apply(LAYOUT, default_registry()) == after
    mask = read_image(Path("new.organs.png"))
    assert mask.shape == (LAYOUT.height, LAYOUT.width)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[28, 30] == 255


def test_the_same_seed_gives_the_same_variant(apply: RunCommand) -> None:
    first = json.loads(apply("displacement", "--seed", 5, "--json").stdout)
    second = json.loads(apply("displacement", "--seed", 5, "--json", "--force").stdout)
    assert first == second
    assert first["structure"] == "stomach"
    assert first["files"] == {"layout": "new.layout.json", "recipe": "new.recipe.json", "organs": "new.organs.png"}
    assert Layout.from_dict(first["after"]) == Layout.load("new.layout.json")


def test_an_example_is_taken_by_its_name(run: RunCommand, workplace: Path) -> None:
    name = "ab_Patient00769_Plane2_1_of_1"
    for i, spelling in enumerate((name, f"{name}.jpg", f"images/{name}.jpg")):
        out = f"out/{i}.layout.json"
        run("anomaly", "apply", "duodenal atresia", spelling, "--dataset", EXAMPLES, "--seed", 1, "--out", out)
    layouts = {Path(f"out/{i}.layout.json").read_text() for i in range(3)}
    assert len(layouts) == 1
    assert "duodenum" in Layout.load("out/0.layout.json").names()
    missing = run("anomaly", "apply", "absence", "x", "--dataset", EXAMPLES, "--out", "x.json", code=2)
    assert "holds no image x" in missing.stderr


def test_a_recipe_goes_into_edit_and_organs_into_refine(
    apply: RunCommand, run: RunCommand, tiny_model: Path, workplace: Path
) -> None:
    apply("absent_stomach")
    model = ("--model", tiny_model, "--steps", 1)
    run("edit", "scan.png", "--layout", "scan.layout.json", "--recipe", "new.recipe.json", "--out", "draft.png", *model)
    assert Layout.load("draft.layout.json") == Layout.load("new.layout.json")
    organs = ("--layout", "new.layout.json", "--mask", "new.organs.png", "--out", "done.png")
    run("refine", "draft.png", *organs, *model)
    assert Path("done.png").is_file()


def test_anomalies_of_the_users_own(apply: RunCommand, run: RunCommand, workplace: Path) -> None:
    Path("own.yaml").write_text(OWN)
    apply("tiny stomach", "--anomalies", "own.yaml")
    assert Layout.load("new.layout.json").find("stomach")[0].box.width == pytest.approx(0.4 * 12)
    assert run("anomaly", "list", "--anomalies", "own.yaml").stdout.splitlines()[-2].startswith("tiny_stomach")
    Path("own.yaml").write_text(OWN.replace("factor: 0.4", "factor: small"))
    wrong = run("anomaly", "list", "--anomalies", "own.yaml", code=2)
    assert "error: own.yaml: anomaly tiny_stomach: severity tiny: the changes use the value 'small'" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("dilated_stomac", "unknown anomaly 'dilated_stomac'. Did you mean dilated_stomach"),
        ("dilated_stomach --severity huge", "has no severity 'huge'; it has mild, severe"),
        ("microcephaly", "microcephaly shows on ventricular_transverse"),
        ("absence --structure liver", "absence needs liver, which the layout lacks"),
        ("absence --structure abdomen", "it cannot be absent"),
        ("absence --seed -1", "--seed"),
        ("absence --out new.png", "--out new.png does not end in .json"),
        ("absence --out scan.layout.json --force", "scan.layout.json is read by this command"),
        ("absence --out there.json", "there.json is already there"),
        ("absence --anomalies missing.yaml", "missing.yaml: cannot be read"),
        ("absence --registry missing.yaml", "missing.yaml: cannot be read"),
    ],
)
def test_bad_input_is_refused_in_one_line(apply: RunCommand, workplace: Path, arguments: str, message: str) -> None:
    Path("there.json").write_text("{}")
    before = sorted(workplace.rglob("*"))
    name, *options = arguments.split()
    last = apply(name, *options, code=2).stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert re.search(message, last), last
    assert sorted(workplace.rglob("*")) == before


def test_a_missing_layout(run: RunCommand, workplace: Path) -> None:
    result = run("anomaly", "apply", "absence", "none.json", "--out", "a.json", code=2)
    assert result.stderr == "error: none.json cannot be read: No such file or directory\n"
