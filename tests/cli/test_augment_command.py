from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_helpers import RunCommand

from fetalflex.data import DatasetFolder, open_dataset
from phantoms import write_phantoms

NO_CHECKS = {"layout": False, "anomaly": False, "least_grey": 0, "least_contrast": 0, "copy_correlation": None}
HEADS = {"plane": "thalamic_transverse", "split": "train"}
PLAN: dict[str, Any] = {
    "sampling": {"steps": 1},
    "checks": NO_CHECKS,
    "entries": [
        HEADS | {"normal": True, "count": 2},
        HEADS | {"anomaly": "microcephaly", "severity": "severe", "count": 2},
    ],
}


@pytest.fixture
def augment(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Run the command on twelve heads with the smallest model, and a plan that is PLAN but for what is changed."""
    write_phantoms(workplace / "set", 12)

    def with_model(*arguments: object, code: int = 0, **changes: Any) -> Any:
        Path("plan.yaml").write_text(yaml.safe_dump(PLAN | changes))
        options = ("--plan", "plan.yaml", "--out", "out", "--model", tiny_model, "--device", "cpu")
        return run("augment", "set", *options, *arguments, code=code)

    return with_model


def test_it_makes_a_data_set_and_says_where(augment: RunCommand) -> None:
    lines = augment().stdout.splitlines()
    assert lines[0] == "4 of 4 images made, in 4 attempts; rejected: none"
    assert lines[-1] == "wrote out, see out/report.md and out/sheet.png"
    assert [record.extra["label"] for record in DatasetFolder(Path("out"))] == ["normal"] * 2 + ["abnormal"] * 2


def test_other_commands_take_what_it_makes(augment: RunCommand, run: RunCommand) -> None:
    augment()
    run("export", "out", "--format", "class_folders", "--class-field", "anomaly", "--out", "classes")
    assert {path.parent.name for path in Path("classes").rglob("*.png")} == {"none", "microcephaly"}
    run("export", "out", "--format", "webdataset", "--out", "tars")
    before = {record.file_name: record for record in open_dataset(Path("out"))}
    assert {record.file_name: record for record in open_dataset(Path("tars"))} == before


def test_a_dry_run_counts_and_writes_nothing(augment: RunCommand) -> None:
    text = augment("--dry-run").stdout
    assert "      2  thalamic_transverse, microcephaly, severe" in text
    assert "images   4, of which 4 are yet to be made" in text
    cost = json.loads(augment("--dry-run", "--json").stdout)
    assert (cost["images"], cost["missing"]) == (4, 4)
    assert cost["seconds"] >= 0
    assert not Path("out").exists()


def test_json_is_the_report(augment: RunCommand) -> None:
    report = json.loads(augment("--json").stdout)
    assert report == json.loads(Path("out/report.json").read_text())
    assert report["made"] == 4


def test_missing_images_are_told_by_words_and_exit_code(augment: RunCommand) -> None:
    entries = [HEADS | {"normal": True, "count": 3}]
    checks = NO_CHECKS | {"attempts": 1, "sources": 1, "duplicate_correlation": 0.01}
    result = augment(code=4, entries=entries, checks=checks)
    made = len(DatasetFolder(Path("out")))
    assert 0 < made < 3
    assert f"{3 - made} of 3 images are missing; see out/report.md" in result.stderr
    assert augment(code=4, entries=entries, checks=checks).stdout == result.stdout


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        ({"sede": 1}, "", "plan.yaml: unknown field 'sede'; allowed are entries, seed"),
        (
            {"entries": [HEADS | {"count": 1, "anomaly": "flu"}]},
            "",
            "plan.yaml: entries.0 (thalamic_transverse, flu): unk",
        ),
        (
            {"entries": [HEADS | {"count": 1, "normal": True, "split": "test"}]},
            "",
            "in split test; it has 9 in train, 3",
        ),
        ({}, "--plan none.yaml", "none.yaml: cannot be read"),
        ({}, "--out scan.png", "scan.png is a file; give a folder"),
        ({}, "--out scan.png/new/set", "scan.png is a file; give a folder"),
        ({}, "--out set", "set holds a data set, not an augmented data set"),
        ({}, "--dry-run --out set", "set holds a data set, not an augmented data set"),
        ({}, "--model nowhere", "model 'nowhere' is neither a folder"),
        ({}, "--device abacus", "device 'abacus' cannot be used"),
        ({}, "--anomalies none.yaml", "none.yaml"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    augment: RunCommand, changes: dict[str, Any], options: str, message: str
) -> None:
    stderr = augment(*options.split(), code=2, **changes).stderr
    assert message in stderr
    assert stderr.startswith("error: ")
    assert stderr.count("\n") == 1
    assert not Path("out", "annotations.json").exists()


def test_another_plan_needs_another_folder(augment: RunCommand) -> None:
    augment()
    assert "out holds another set" in augment(code=2, seed=3).stderr
