from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.data import DatasetFolder, PackedDataset, Record


@pytest.fixture
def datasets(workplace: Path) -> Path:
    """Data sets `a` and `b` of one image each, in the working directory."""
    pixels = np.full((LAYOUT.height, LAYOUT.width), 90, np.uint8)
    for name in ("a", "b"):
        DatasetFolder.write(workplace / name, [(Record(f"images/{name}.png", LAYOUT), pixels)])
    return workplace


def test_data_sets_become_one_file(run: RunCommand, datasets: Path) -> None:
    assert run("pack", "a", "b", "--out", "all.safetensors").stdout == "2 images in all.safetensors, 0.0 MiB\n"
    packed = PackedDataset(datasets / "all.safetensors")
    assert [record.file_name for record in packed] == ["images/a.png", "images/b.png"]
    assert packed[0].layout == LAYOUT


def test_size_and_json(run: RunCommand, datasets: Path) -> None:
    result = run("pack", "a", "--out", "a.safetensors", "--size", "36", "--quality", "50", "--json")
    size = (datasets / "a.safetensors").stat().st_size
    assert json.loads(result.stdout) == {"file": "a.safetensors", "images": 1, "bytes": size}
    assert PackedDataset(datasets / "a.safetensors")[0].layout.width == 36


def test_packed_files_can_be_packed_again(run: RunCommand, datasets: Path) -> None:
    run("pack", "a", "--out", "a.safetensors")
    run("pack", "a.safetensors", "b", "--out", "all.safetensors")
    assert len(PackedDataset(datasets / "all.safetensors")) == 2


def test_an_existing_file_is_replaced_by_force_alone(run: RunCommand, datasets: Path) -> None:
    run("pack", "a", "--out", "a.safetensors")
    assert "already there" in run("pack", "b", "--out", "a.safetensors", code=2).stderr
    assert PackedDataset(datasets / "a.safetensors")[0].file_name == "images/a.png"
    run("pack", "b", "--out", "a.safetensors", "--force")
    assert PackedDataset(datasets / "a.safetensors")[0].file_name == "images/b.png"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "--out", "a.zip"], "must end in .safetensors"),
        (["none", "--out", "x.safetensors"], "none is no data set"),
        (["a", "a", "--out", "x.safetensors"], "two images have the file name"),
        (["a", "--out", "x.safetensors", "--size", "1"], "size is 1"),
    ],
)
def test_bad_input_is_told_in_one_line(run: RunCommand, datasets: Path, arguments: list[str], message: str) -> None:
    result = run("pack", *arguments, code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (datasets / "x.safetensors").exists()
