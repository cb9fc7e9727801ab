from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand
from PIL import Image

from fetalflex.anatomy import CHANGE_MARGIN, Layout, Recipe, default_registry, draw_roi_mask
from fetalflex.cli.counterfactual import MARGIN
from fetalflex.data import read_image, read_png_text

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def counterfactual(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Make a pair of the image in the workplace, with the smallest model and two steps."""

    def with_model(*arguments: object, code: int = 0) -> Any:
        fixed = ("counterfactual", "scan.png", "--out", "pair", "--model", tiny_model, "--steps", 2)
        return run(*fixed, *arguments, code=code)

    return with_model


LAYOUT_GIVEN = ("--layout", "scan.layout.json")


def pair(name: str) -> np.ndarray:
    return read_image(Path("pair") / name)


def test_a_pair_is_written_and_told(counterfactual: RunCommand) -> None:
    result = counterfactual("--anomaly", "dilated stomach", "--severity", "severe", "--seed", 3, *LAYOUT_GIVEN)
    lines = result.stdout.splitlines()
    assert lines[0] == "dilated_stomach, severe, seed 3"
    measured = r"\d+ of \d+ pixels that may differ do, by [\d.]+ grey levels on average; 0 others do"
    assert re.fullmatch(measured, lines[1]), lines
    # A model of random weights draws no stomach; what of the anomaly's demands is not seen is told.
    assert all(line.startswith("NOT SEEN: stomach filled with fluid") for line in lines[2:-1])
    assert lines[-1] == "wrote pair"
    source, may_differ = read_image(Path("scan.png")), pair("may-differ.png") > 0
    normal, abnormal = pair("normal.png"), pair("abnormal.png")
    assert np.array_equal(normal[~may_differ], abnormal[~may_differ])
    assert not np.array_equal(normal, abnormal)
    before, after = (Layout.load(f"pair/{role}.layout.json") for role in ("normal", "abnormal"))
    assert before == LAYOUT
    assert Recipe.load("pair/anomaly.recipe.json").apply(before, default_registry()) == after
    roi = draw_roi_mask(before, default_registry()) | draw_roi_mask(after, default_registry())
    assert np.array_equal(normal[~roi], source[~roi])
    story = json.loads(Path("pair/pair.json").read_text())
    assert (story["anomaly"], story["severity"], story["seed"], story["source"]) == (
        *("dilated_stomach", "severe", 3, "scan.png"),
    )
    assert story["margin"] == MARGIN == CHANGE_MARGIN
    assert story["measures"]["outside"]["changed_pixels"] == 0
    assert read_png_text(Path("pair/sheet.png"))["Synthetic"] == "true"


def test_the_result_as_json_and_the_same_again(counterfactual: RunCommand) -> None:
    given = ("--anomaly", "size_change", "--structure", "stomach", *LAYOUT_GIVEN, "--json")
    first = json.loads(counterfactual(*given).stdout)
    images = [pair(name) for name in ("normal.png", "abnormal.png")]
    second = json.loads(counterfactual(*given, "--force").stdout)
    assert first == second
    assert (first["folder"], first["structure"], first["synthetic"]) == ("pair", "stomach", True)
    assert np.array_equal(pair("normal.png"), images[0])
    assert np.array_equal(pair("abnormal.png"), images[1])


def test_an_example_is_taken_by_its_name(run: RunCommand, workplace: Path, tiny_model: Path) -> None:
    run(
        *("counterfactual", "ab_Patient00769_Plane2_1_of_1", "--dataset", EXAMPLES, "--anomaly", "absent_stomach"),
        *("--out", "pair", "--model", tiny_model, "--steps", 1),
    )
    assert json.loads(Path("pair/pair.json").read_text())["source"] == "images/ab_Patient00769_Plane2_1_of_1.jpg"
    assert "stomach" not in Layout.load("pair/abnormal.layout.json").names()


def test_what_may_differ_is_chosen(counterfactual: RunCommand) -> None:
    sizes = []
    for options in (("--margin", 0), (), ("--whole-region",), ("--whole-region", "--roi", "full")):
        counterfactual("--anomaly", "absent_stomach", *LAYOUT_GIVEN, *options, "--force", "--steps", 1)
        sizes.append(int((pair("may-differ.png") > 0).sum()))
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == LAYOUT.width * LAYOUT.height


def test_a_mask_and_the_plain_prompt(counterfactual: RunCommand) -> None:
    mask = np.zeros((LAYOUT.height, LAYOUT.width), bool)
    mask[20:40, 20:50] = True
    Image.fromarray(mask).save("mask.png")
    counterfactual("--anomaly", "absent_stomach", *LAYOUT_GIVEN, "--mask", "mask.png", "--plain-prompt")
    source = read_image(Path("scan.png"))
    for role in ("normal", "abnormal"):
        assert np.array_equal(pair(f"{role}.png")[~mask], source[~mask])
    prompts = json.loads(Path("pair/pair.json").read_text())["prompts"]
    assert prompts["abnormal"] == "fetal ultrasound, abdominal transverse plane, with abdomen"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--anomaly absent_stomach", "the layout of scan.png is missing: give --layout"),
        ("--anomaly absent_stomach --layout scan.layout.json --dataset set", "give one of them"),
        ("--anomaly absent_stomak --layout scan.layout.json", "unknown anomaly 'absent_stomak'. Did you mean"),
        ("--anomaly cleft_lip --layout scan.layout.json", "cleft_lip shows on facial_sagittal"),
        ("--anomaly absent_stomach --severity mild --layout scan.layout.json", "has no severity 'mild'"),
        ("--anomaly absent_stomach --structure stomach --layout scan.layout.json", "takes none"),
        ("--anomaly absent_stomach --layout small.json", "scan.png has 72 x 56 pixels, but small.json is for 30 x 20"),
        ("--anomaly absent_stomach --layout scan.layout.json --mask small.png", "small.png has 30 x 20 pixels"),
        (
            "--anomaly absent_stomach --layout scan.layout.json --margin 0.1 --whole-region",
            "--margin and --whole-region",
        ),
        (
            "--anomaly absent_stomach --layout scan.layout.json --out there",
            "there is already there and is not a counterfactual pair",
        ),
        (
            "--anomaly absent_stomach --layout scan.layout.json --out there --force",
            "there is already there and is not a counterfactual pair",
        ),
        ("--anomaly absent_stomach --layout scan.layout.json --model nowhere", "model 'nowhere' is neither"),
        ("--anomaly absent_stomach --dataset nowhere", "nowhere"),
        ("--anomaly absent_stomach --layout scan.layout.json --steps 0", "--steps"),
        ("--anomaly absent_stomach --layout scan.layout.json --margin -1", "--margin"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    counterfactual: RunCommand, workplace: Path, arguments: str, message: str
) -> None:
    Layout("abdominal_transverse", 30, 20).save("small.json")
    Image.new("L", (30, 20), 255).save("small.png")
    Path("there").mkdir()
    Path("there/mine.txt").write_text("mine")
    before = sorted(workplace.rglob("*"))
    last = counterfactual(*arguments.split(), code=2).stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert message in last, last
    assert sorted(workplace.rglob("*")) == before


def test_a_pair_is_not_replaced_by_one_made_from_it(
    counterfactual: RunCommand, run: RunCommand, tiny_model: Path
) -> None:
    counterfactual("--anomaly", "absent_stomach", *LAYOUT_GIVEN)
    further = ("--layout", "pair/normal.layout.json", "--anomaly", "dilated_stomach", "--out", "pair", "--force")
    result = run("counterfactual", "pair/normal.png", *further, "--model", tiny_model, code=2)
    assert "pair/normal.png is read by this command and would be replaced with pair" in result.stderr
    assert Path("pair/normal.png").is_file()
