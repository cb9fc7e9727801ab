from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_helpers import RunCommand


@pytest.fixture
def data(workplace: Path, phantom_folder: Path) -> Path:
    (workplace / "set").symlink_to(phantom_folder)
    return workplace / "set"


def test_it_writes_a_report_and_says_where(run: RunCommand, data: Path, detector_folder: Path) -> None:
    lines = run("evaluate-detector", detector_folder, "set", "--out", "out", "--split", "val").stdout.splitlines()
    assert lines[0].startswith("AP50 ")
    assert "plane accuracy 100.0%" in lines[0]
    assert lines[-1] == "wrote out/report.md"
    assert json.loads(Path("out/report.json").read_text())["structures"]["skull"]["ap50"] == 1
    assert Path("out/sheet.png").is_file()


def test_json_is_the_report(run: RunCommand, data: Path, detector_folder: Path) -> None:
    options = ("--split", "val", "--tell-plane", "--planes", "TT", "--json")
    report = json.loads(run("evaluate-detector", detector_folder, "set", "--out", "out", *options).stdout)
    assert report == json.loads(Path("out/report.json").read_text())
    assert report["plane"] == "told"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--split tset", "split 'tset' is unknown"),
        ("--split test", "no annotated image has the split test"),
        ("--planes femur", "not trained on the plane femur"),
        ("--out scan.png", "scan.png is a file"),
        ("--out scan.png/deep", "scan.png is a file"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    run: RunCommand, data: Path, detector_folder: Path, options: str, message: str
) -> None:
    stderr = run("evaluate-detector", detector_folder, "set", "--out", "out", *options.split(), code=2).stderr
    assert message in stderr.splitlines()[-1]
    assert not Path("out").exists()


def test_other_models_and_missing_data_are_told(
    run: RunCommand, data: Path, detector_folder: Path, tiny_model: Path
) -> None:
    assert "holds no detector" in run("evaluate-detector", tiny_model, "set", "--out", "out", code=2).stderr
    assert "nowhere is no data set" in run("evaluate-detector", detector_folder, "nowhere", "--out", "o", code=2).stderr
