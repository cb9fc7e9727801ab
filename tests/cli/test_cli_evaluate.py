from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.data import DatasetFolder, Record


@pytest.fixture
def evaluate(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Run the command on eight abdomens with the smallest model, one step and two images."""
    rng = np.random.default_rng(2)
    items = []
    for number in range(8):
        split = "test" if number < 3 else "train"
        pixels = rng.integers(0, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8)
        items.append((Record(f"{number}.png", LAYOUT, split=split), pixels))
    DatasetFolder.write(workplace / "set", items)

    def with_model(*arguments: object, code: int = 0) -> Any:
        return run("evaluate", tiny_model, "set", "--out", "out", "--steps", 1, "--limit", 2, *arguments, code=code)

    return with_model


def test_it_writes_a_report_and_says_where(evaluate: RunCommand) -> None:
    lines = evaluate().stdout.splitlines()
    assert lines[-1] == "wrote out/report.md"
    assert lines[0].startswith("PSNR, ROI, dB: ")
    report = json.loads(Path("out/report.json").read_text())
    assert report["images"] == 2
    assert report["layout"] == "given"
    assert report["adherence"]["stomach"]["images"] == 2
    assert len(list(Path("out/syntheses").glob("*.png"))) == 6
    for name in ("report.md", "samples.csv", "sheet.png", "edits.png", "nearest.png"):
        assert Path("out", name).is_file()


def test_json_is_the_report(evaluate: RunCommand) -> None:
    report = json.loads(evaluate("--json", "--no-edits").stdout)
    assert report == json.loads(Path("out/report.json").read_text())
    assert report["adherence"] == {}


def test_the_same_command_goes_on_and_more_images_are_added(evaluate: RunCommand) -> None:
    evaluate("--no-edits")
    before = {path: path.stat().st_mtime_ns for path in Path("out/syntheses").glob("*.png")}
    evaluate("--no-edits", "--limit", 3)
    after = {path: path.stat().st_mtime_ns for path in Path("out/syntheses").glob("*.png")}
    assert len(after) == 3
    assert before.items() <= after.items()


def test_a_baseline_without_layout_compares(evaluate: RunCommand) -> None:
    evaluate("--out", "base", "--without-layout")
    assert json.loads(Path("base/report.json").read_text())["sampling"]["layout_guidance"] == 0
    shown = evaluate("--baseline", "base/report.json").stdout
    comparison = Path("out/comparison.md").read_text()
    assert comparison.rstrip() in shown
    assert "- first: tiny-" in comparison
    assert "layout null" in comparison
    assert "| stomach present, % |" in comparison
    evaluate("--no-edits")
    assert not Path("out/comparison.md").exists()
    refused = evaluate("--out", "more", "--limit", 3, "--baseline", "base/report.json", code=2)
    assert "the reports are of different images (images 2 and 3)" in refused.stderr
    assert not Path("more").exists(), "the mismatch is told before anything is synthesised"


def test_blurs_and_local_edits_stand_in_the_report(evaluate: RunCommand) -> None:
    evaluate("--no-edits", "--no-audit", "--blur", "3", "--out", "smooth")
    options = ("--no-edits", "--no-audit", "--local-edits", "--blur", "none", "--blur-like", "smooth/report.json")
    report = json.loads(evaluate(*options, "--sampler", "dpm++", "--json").stdout)
    assert [*report["blurs"]] in ([], ["blur_equal"])
    if not report["blurs"]:
        assert any("No blur gives these syntheses the local contrast" in note for note in report["notes"])
    assert report["local_edits"]["planes"]["abdominal_transverse"]["metrics"]["tone_error"]["count"] == 2
    assert {path.stem.rpartition(".")[2] for path in Path("out/syntheses").glob("*.*.png")} == {"moved"}
    assert "## Texture, seam and tone of local edits" in Path("out/report.md").read_text()
    assert [*json.loads(Path("smooth/report.json").read_text())["blurs"]] == ["blur_3"]


def test_a_detector_of_other_planes_is_refused_before_anything_is_made(
    evaluate: RunCommand, detector_folder: Path
) -> None:
    stderr = evaluate("--layout-fidelity", detector_folder, code=2).stderr
    assert "the detector finds none of the structures of abdominal_transverse" in stderr
    assert not Path("out").exists()


def test_a_detector_measures_layout_fidelity(
    run: RunCommand, workplace: Path, tiny_model: Path, detector_folder: Path, phantom_folder: Path
) -> None:
    options = ("--split", "val", "--limit", 2, "--steps", 1, "--layout-fidelity", detector_folder)
    shown = run("evaluate", tiny_model, phantom_folder, "--out", "out", *options).stdout
    assert "layout fidelity: AP50 " in shown
    fidelity = json.loads(Path("out/report.json").read_text())["layout_fidelity"]
    assert list(fidelity["kinds"]) == ["real", "unedited", "enlarged", "removed"]
    assert fidelity["kinds"]["real"]["structures"]["skull"]["ap50"] == 1
    assert "## Layout fidelity" in Path("out/report.md").read_text()
    assert Path("out/fidelity.png").is_file()
    rows = list(csv.DictReader(Path("out/samples.csv").read_text().splitlines()))
    for kind, prefix in (("unedited", "iou"), ("real", "real_iou")):
        for name, found in fidelity["kinds"][kind]["structures"].items():
            ious = [float(row[f"{prefix}_{name}"]) for row in rows if row[f"{prefix}_{name}"]]
            assert np.mean(ious) == pytest.approx(found["iou"]["value"], rel=1e-4)
    again = run("evaluate", tiny_model, phantom_folder, "--out", "out", *options, "--baseline", "out/report.json")
    assert "| layout fidelity, unedited: mean AP |" in again.stdout
    run("evaluate", tiny_model, phantom_folder, "--out", "out", *options, "--no-audit")
    assert json.loads(Path("out/report.json").read_text())["layout_fidelity"] == fidelity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--split tset", "split 'tset' is unknown; choose one of train, val, test"),
        ("--split val", "none of the 8 images has a structure and split val"),
        ("--planes abdomen,brian", "unknown plane 'brian'"),
        ("--planes ,", "unknown plane ''"),
        ("--out scan.png", "scan.png is a file; give a folder"),
        ("--out set", "set holds a data set, not an evaluation"),
        ("--without-layout --guidance-layout 2", "--without-layout and --guidance-layout contradict each other"),
        ("--without-layout --guidance-edit 2", "--without-layout and --guidance-edit contradict each other"),
        ("--baseline missing.json", "missing.json cannot be read"),
        ("--roi outline", "roi must be one of auto, box, structures, full, got 'outline'"),
        ("--baseline scan.layout.json", "expected 'fetalflex/evaluation-report'"),
        ("--layout-fidelity nowhere", "model 'nowhere' is neither a folder nor found"),
        ("--layout-fidelity set", "set holds no detector"),
        ("--blur two", "--blur is 'two'; give numbers of pixels above 0 and up to 64, as in 2,4, or none"),
        ("--blur 2,-4", "--blur is '2,-4'"),
        ("--blur-like missing.json", "missing.json cannot be read"),
        ("--sampler magic", "magic"),
        ("--steps 5000", "--steps is 5000; give a whole number from 1 to 1000"),
        ("--device abacus", "device 'abacus' cannot be used"),
        ("--registry missing.yaml", "missing.yaml"),
        ("--limit 0", "--limit is 0; give a whole number of 1 or more"),
        ("--batch-size 0", "--batch-size is 0; give a whole number from 1 to 4096"),
    ],
)
def test_bad_input_is_refused_in_one_line(evaluate: RunCommand, options: str, message: str) -> None:
    last = evaluate(*options.split(), code=2).stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert message in last, last


def test_missing_model_or_data_are_told(run: RunCommand, evaluate: RunCommand, tiny_model: Path) -> None:
    assert "nowhere is no data set" in run("evaluate", tiny_model, "nowhere", "--out", "x", code=2).stderr
    assert "model 'nothing' is neither a folder" in run("evaluate", "nothing", "set", "--out", "x", code=2).stderr
    assert not Path("x").exists()


def test_other_settings_need_another_folder(evaluate: RunCommand) -> None:
    evaluate("--no-edits")
    stderr = evaluate("--no-edits", "--seed", 1, code=2).stderr
    assert "out holds an evaluation with other settings (seed was 0, now 1)" in stderr


def test_a_damaged_image_is_named(evaluate: RunCommand) -> None:
    Path("set/1.png").write_bytes(b"")
    assert "1.png is an empty file" in evaluate(code=2).stderr
