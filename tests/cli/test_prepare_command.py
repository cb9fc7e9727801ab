from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import RunCommand
from PIL import Image

from fetalflex.cli.import_options import parsed_pairs
from fetalflex.cli.prepare import FORMATS, parsed_split
from fetalflex.data import DatasetFolder, contact_sheet
from fetalflex.data.importers import IMPORTERS
from fetalflex.errors import FetalFlexError

HC18 = Path(__file__).parents[1] / "fixtures" / "hc18"


@pytest.fixture(autouse=True)
def small_contact_sheet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_sheet, "_PICTURE", (48, 32))


@pytest.fixture
def scans(workplace: Path) -> Path:
    """Four images and a table whose columns have names of their own."""
    folder = workplace / "scans"
    folder.mkdir()
    rows = ["Image;What;L;T;R;B"]
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 255, (40, 60), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"p{number // 2}_{number}.png")
        rows += [f"p{number // 2}_{number};thigh bone;10;10;50;30", f"p{number // 2}_{number};mark;1;1;5;5"]
    (folder / "t.csv").write_text("\n".join(rows))
    return folder


TABLE = ("--format", "table", "--plane", "FL plane", "--patient-pattern", r"^(p\d)_")
COLUMNS = [
    part for pair in ("file=Image", "label=What", "x0=L", "y0=T", "x1=R", "y1=B") for part in ("--columns", pair)
]


def test_a_public_set(run: RunCommand, workplace: Path) -> None:
    result = run("prepare", HC18, "--format", "hc18", "--out", "heads")
    assert "2 images taken" in result.stdout
    assert "12 refusals" in result.stdout
    assert "Refused: 2 more" in result.stdout
    assert "The data set is in heads" in result.stdout
    assert len(DatasetFolder(workplace / "heads")) == 2
    assert (workplace / "heads" / "report.md").is_file()


def test_options_reach_the_importer(run: RunCommand, scans: Path) -> None:
    result = run("prepare", scans, *TABLE, *COLUMNS, "--label-map", "mark=ignore", "--strict", "--json")
    report = json.loads(result.stdout)
    assert report["images"] == 4
    assert report["structures"]["femur"]["femur"] == report["planes"]["femur"]
    assert report["left_out_on_request"] == {"mark": 4}
    assert report["remarks"][0].startswith("No image fell into")
    records = list(DatasetFolder(scans.parent / "scans_dataset"))
    assert [record.patient for record in records] == ["p0", "p0", "p1", "p1"]


def test_json_is_all_there_is_on_stdout(run: RunCommand, scans: Path) -> None:
    result = run("prepare", scans, *TABLE, *COLUMNS, "--json")
    assert json.loads(result.stdout) == json.loads((scans.parent / "scans_dataset" / "report.json").read_text())


def test_strict_fails_with_one_line(run: RunCommand, scans: Path) -> None:
    result = run("prepare", scans, *TABLE, *COLUMNS, "--strict", code=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert "unknown structure 'mark'" in result.stderr
    assert not (scans.parent / "scans_dataset").exists()


def test_force_replaces(run: RunCommand, scans: Path) -> None:
    run("prepare", scans, *TABLE, *COLUMNS)
    assert "already there" in run("prepare", scans, *TABLE, *COLUMNS, code=2).stderr
    (scans / "p1_3.png").unlink()
    run("prepare", scans, *TABLE, *COLUMNS, "--force")
    assert len(DatasetFolder(scans.parent / "scans_dataset")) == 3


def test_splits(run: RunCommand, scans: Path, workplace: Path) -> None:
    run("prepare", scans, *TABLE, *COLUMNS, "--split", "0,0,100", "--out", "a")
    assert {record.split for record in DatasetFolder(workplace / "a")} == {"test"}
    (scans / "train").mkdir()
    for path in sorted(scans.glob("*.png")):
        shutil.move(path, scans / "train")
    run("prepare", scans, *TABLE, *COLUMNS, "--split", "0,0,100", "--keep-splits", "--seed", "3", "--out", "b")
    assert {record.split for record in DatasetFolder(workplace / "b")} == {"train"}


def test_planes_of_a_file(run: RunCommand, scans: Path, workplace: Path) -> None:
    (workplace / "extra.yaml").write_text(
        "format: fetalflex/planes\nversion: 1\nstructures:\n  mark:\n    title: Mark\n    colour: [90, 90, 90]\n"
        "    echogenicity: hyperechoic\n    typical_size: [0.3, 0.2]\nplanes:\n  femur:\n    title: Femur plane\n"
        "    outline: null\n    structures: [mark]\n"
    )
    run("prepare", scans, *TABLE, *COLUMNS, "--registry", "extra.yaml", "--strict")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "nifti"], "unknown annotation format 'nifti'; choose one of coco"),
        (["--format", "table", "--plane", "moon"], "unknown plane 'moon'"),
        (["--format", "table", "--label-map", "mark"], "--label-map 'mark' is not a pair"),
        (["--format", "table", "--columns", "file=A", "--columns", "file=B"], "--columns names 'file' twice"),
        (["--format", "table", "--split", "80,20"], "--split '80,20' must be three numbers"),
        (["--format", "table", "--patient-pattern", "("], "patient_pattern '(' is no regular expression"),
        (["--format", "table", "--min-area", "0"], "min_area is 0"),
        (["--format", "table", "--registry", "none.yaml"], "none.yaml"),
    ],
)
def test_bad_options_are_told_in_one_line(run: RunCommand, scans: Path, arguments: list[str], message: str) -> None:
    result = run("prepare", scans, *arguments, code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_lists_the_formats(run: RunCommand) -> None:
    assert FORMATS.split(", ") == list(IMPORTERS)
    text = " ".join(run("prepare", "--help").stdout.split())
    assert all(name in text for name in IMPORTERS)


def test_pairs_are_divided_at_the_last_sign() -> None:
    assert parsed_pairs(["a=b", " 255,0,0 = skull ", "x=y=z"], "--o") == {"a": "b", "255,0,0": "skull", "x=y": "z"}


@pytest.mark.parametrize("text", ["", "a", "=b", "a=", "="])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(FetalFlexError, match="is not a pair; give it as name=name"):
        parsed_pairs([text], "--o")


def test_split_in_per_cent() -> None:
    assert parsed_split("80,10,10") == (0.8, 0.1, 0.1)
    assert parsed_split("33.4, 33.3, 33.3") == pytest.approx((0.334, 0.333, 0.333))


@pytest.mark.parametrize("text", ["", "80,20", "80,10,10,0", "a,b,c", "90,20,-10", "80,10,5", "nan,1,1", "0.8,0.1,0.1"])
def test_what_is_no_split(text: str) -> None:
    with pytest.raises(FetalFlexError, match="--split"):
        parsed_split(text)
