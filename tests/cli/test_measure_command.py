from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.anatomy import GROWTH_CHARTS, Box, GestationalAge, Layout, PlacedStructure, default_registry, measure

FACE = Layout("facial_sagittal", 72, 56, (PlacedStructure("nasal_bone", Box(36, 28, 10, 4)),), 0.3)
REGISTRY = default_registry()


@pytest.fixture
def spaced(workplace: Path) -> Layout:
    """The layout of the workplace with a pixel spacing that makes it about 20 weeks old."""
    layout = replace(LAYOUT, pixel_spacing_mm=1.05)
    layout.save("scan.layout.json")
    return layout


def test_measures_with_the_age_at_the_50th_centile(run: RunCommand, spaced: Layout) -> None:
    assert run("measure", "scan.layout.json").stdout == (
        "scan.layout.json: abdominal_transverse, 1.05 mm per pixel\n"
        "  AC   abdominal circumference    145.4 mm  50th centile at 19w6d\n"
    )


def test_centiles_at_an_age_as_json(run: RunCommand, spaced: Layout) -> None:
    [facts] = json.loads(run("measure", "scan.layout.json", "--age", "20+3", "--json").stdout)
    mm = measure(spaced, "AC", REGISTRY).mm
    chart, age = GROWTH_CHARTS["AC"], GestationalAge.parse("20w3d")
    assert facts == {
        "layout": "scan.layout.json",
        "plane": "abdominal_transverse",
        "pixel_spacing_mm": 1.05,
        "gestational_age": "20w3d",
        "measurements": [
            {
                "measure": "AC",
                "title": "abdominal circumference",
                "mm": mm,
                "chart": "INTERGROWTH-21st",
                "z_score": chart.z_score(mm, age),
                "centile": chart.centile(mm, age),
                "age_at_50th_centile": str(chart.age_at(mm)),
                "notes": [],
            }
        ],
    }


def test_centiles_at_an_age_as_text(run: RunCommand, spaced: Layout) -> None:
    [facts] = json.loads(run("measure", "scan.layout.json", "--age", "20w", "--json").stdout)
    [found] = facts["measurements"]
    shown = f"centile {found['centile']:.1f} (z {found['z_score']:+.2f}) at 20w0d; 50th centile at 19w6d\n"
    assert run("measure", "scan.layout.json", "--age", "20w").stdout.endswith(shown)


def test_several_layouts_and_what_no_chart_knows(run: RunCommand, spaced: Layout) -> None:
    FACE.save("face.json")
    replace(FACE, structures=()).save("empty.json")
    text = run("measure", "scan.layout.json", "face.json", "empty.json", "--age", "12w").stdout
    assert "AC   abdominal circumference    145.4 mm  50th centile at 19w6d; gestational age 12w0d is outside" in text
    assert "  NB   nasal bone length            3.0 mm  no growth chart\n" in text
    assert text.endswith("empty.json: facial_sagittal, 0.3 mm per pixel\n  holds nothing that is measured\n")


def test_a_pixel_spacing_may_be_given(run: RunCommand, workplace: Path) -> None:
    assert "145.4 mm" in run("measure", "scan.layout.json", "--pixel-spacing", 1.05).stdout


def test_errors_name_file_and_remedy(run: RunCommand, workplace: Path) -> None:
    missing = run("measure", "scan.layout.json", code=2).stderr
    assert missing.startswith("error: scan.layout.json states no pixel_spacing_mm")
    assert "--pixel-spacing" in missing
    negative = run("measure", "scan.layout.json", "--pixel-spacing", -1, code=2).stderr
    assert negative == "error: --pixel-spacing is -1; give a number from 0.0001 to 100\n"
    FACE.save("face.json")
    other = run("measure", "face.json", "--pixel-spacing", 1, code=2).stderr
    assert other == "error: face.json states pixel_spacing_mm 0.3, but --pixel-spacing is 1\n"
    age = run("measure", "face.json", "--age", "soon", code=2).stderr
    assert age.startswith("error: gestational age 'soon' cannot be read; write for example 22w3d")


def test_images_of_a_data_set(run: RunCommand, workplace: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    result = run("measure", "hc_195_HC", examples / "images/hc_195_HC.jpg", "--dataset", examples, "--age", "18w3d")
    lines = result.stdout.splitlines()
    assert lines[0] == f"{examples}: images/hc_195_HC.jpg: thalamic_transverse, 0.1445 mm per pixel"
    assert lines[1].startswith("  HC   head circumference         151.4 mm  centile ")
    missing = run("measure", "hc_195", "--dataset", examples, code=2)
    assert f"{examples} holds no image hc_195; give a file name" in missing.stderr
