from __future__ import annotations

from pathlib import Path

from cli_helpers import RunCommand

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder

EXAMPLES = Path(__file__).parents[2] / "examples"
RECORD = next(record for record in DatasetFolder(EXAMPLES) if "ab_" in record.file_name)
NAME = Path(RECORD.file_name).stem


def test_the_layout_of_an_image_is_printed(run: RunCommand) -> None:
    assert Layout.from_json(run("layout", EXAMPLES, NAME).stdout) == RECORD.layout


def test_a_written_layout_measures_as_the_image_of_the_data_set(run: RunCommand, tmp_path: Path) -> None:
    out = tmp_path / "scan.layout.json"
    assert f"wrote {out}: abdominal_transverse, " in run("layout", EXAMPLES, NAME, "--out", out).stdout
    assert Layout.load(out) == RECORD.layout
    from_file = run("measure", out, "--pixel-spacing", 0.5, "--json").stdout
    from_dataset = run("measure", NAME, "--dataset", EXAMPLES, "--pixel-spacing", 0.5, "--json").stdout
    assert from_file.replace(str(out), "") == from_dataset.replace(f"{EXAMPLES}: {RECORD.file_name}", "")


def test_what_is_there_is_replaced_only_with_force(run: RunCommand, tmp_path: Path) -> None:
    out = tmp_path / "scan.layout.json"
    out.write_text("mine")
    assert "already there" in run("layout", EXAMPLES, NAME, "--out", out, code=2).stderr
    run("layout", EXAMPLES, NAME, "--out", out, "--force")
    assert Layout.load(out) == RECORD.layout


def test_an_unknown_image_is_named(run: RunCommand) -> None:
    assert "holds no image nothing.png" in run("layout", EXAMPLES, "nothing.png", code=2).stderr
