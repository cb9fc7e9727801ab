from __future__ import annotations

from pathlib import Path

import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.anatomy import GestationalAge, Layout, Recipe, centile_of, default_registry, measure

REGISTRY = default_registry()
FIXED = ("grow", "scan.layout.json", "--pixel-spacing", 1.05)


def test_a_centile_is_set_and_what_lies_inside_follows(run: RunCommand, workplace: Path) -> None:
    arguments = ("--set", "20w3d, AC 10th centile", "--out", "new/grown.json", "--save-recipe", "new/recipe.json")
    result = run(*FIXED, *arguments)
    assert result.stdout == "AC    145.4 ->  142.4 mm\nwrote new/grown.json, new/recipe.json\n"
    grown = Layout.load("new/grown.json")
    assert centile_of(grown, "AC", GestationalAge.parse("20w3d"), REGISTRY) == pytest.approx(10)
    factor = grown.find("abdomen")[0].box.width / 48
    assert grown.find("stomach")[0].box.width == pytest.approx(12 * factor)
    assert grown.pixel_spacing_mm == 1.05
    replayed = Recipe.load("new/recipe.json").apply(LAYOUT, REGISTRY)
    assert replayed.structures == grown.structures


def test_targets_that_contradict_each_other_are_refused(run: RunCommand, workplace: Path) -> None:
    run(*FIXED, "--set", "AC 120 mm", "--set", "AC 130 mm", "--out", "grown.json", code=2)
    run(*FIXED, "--set", "AC 120 mm", "--set", "AC 120 mm", "--out", "grown.json")
    assert measure(Layout.load("grown.json"), "AC", REGISTRY).mm == pytest.approx(120)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("AC", "error: growth target 'AC' cannot be read; write for example '22w3d, HC 5th centile'"),
        ("12w, AC 5th centile", "error: gestational age 12w0d is outside the chart INTERGROWTH-21st of AC"),
        ("20w, HC 5th centile", "error: HC (head circumference) is measured on planes whose outline is the skull"),
        ("AC 400 mm", "error: AC 400 mm makes the abdomen 132 x 110 px, of which"),
    ],
)
def test_bad_targets_write_nothing(run: RunCommand, workplace: Path, target: str, message: str) -> None:
    assert run(*FIXED, "--set", target, "--out", "grown.json", code=2).stderr.startswith(message)
    assert not Path("grown.json").exists()


def test_files_are_not_replaced_unasked(run: RunCommand, workplace: Path) -> None:
    target = ("--set", "AC 120 mm")
    assert "is read by this command" in run(*FIXED, *target, "--out", "scan.layout.json", "--force", code=2).stderr
    run(*FIXED, *target, "--out", "grown.json")
    assert "is already there" in run(*FIXED, *target, "--out", "grown.json", code=2).stderr
    run(*FIXED, *target, "--out", "grown.json", "--force")


def test_an_image_of_a_data_set(run: RunCommand, workplace: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    given = ("--dataset", examples, "--set", "18w3d, HC 5th centile", "--out", "grown.json")
    run("grow", "hc_195_HC", *given)
    assert centile_of(Layout.load("grown.json"), "HC", GestationalAge.parse("18w3d"), REGISTRY) == pytest.approx(5)
