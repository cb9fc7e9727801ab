from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import RunCommand
from PIL import Image

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder
from phantoms import draw_phantom, random_layout


@pytest.fixture
def scans(workplace: Path) -> Path:
    """Two phantoms in a folder, and the detector's phantom-sized friend that is none."""
    rng = np.random.default_rng(3)
    (workplace / "scans").mkdir()
    for name in ("one", "two"):
        Image.fromarray(draw_phantom(random_layout(rng), rng)).save(workplace / "scans" / f"{name}.png")
    return workplace / "scans"


def test_found_layouts_open_in_edit(run: RunCommand, scans: Path, detector_folder: Path, tiny_model: Path) -> None:
    lines = run("detect", "scans", "--plane", "auto", "--out", "found", "--model", detector_folder).stdout.splitlines()
    assert "boxes in 2 images" in lines[0]
    assert lines[1] == "wrote found; look at found/review-1.png"
    assert len(DatasetFolder(Path("found"))) == 2
    layout = "found/layouts/one.layout.json"
    run(
        *("edit", "scans/one.png", "--layout", layout, "--scale", "skull:1.1", "--out", "edited.png"),
        *("--model", tiny_model, "--steps", 1),
    )
    assert Path("edited.png").is_file()


def test_what_was_found_goes_on_to_prepare(run: RunCommand, scans: Path, detector_folder: Path) -> None:
    run("detect", "scans", "--out", "found", "--model", detector_folder)
    run("prepare", "found", "--format", "coco", "--out", "data", "--split", "100,0,0")
    found, prepared = DatasetFolder(Path("found")), DatasetFolder(Path("data"))
    assert [record.layout.structures for record in prepared] == [record.layout.structures for record in found]
    assert {record.split for record in prepared} == {"train"}


def test_json_tells_boxes_scores_and_doubts(run: RunCommand, scans: Path, detector_folder: Path) -> None:
    (scans / "broken.png").write_bytes(b"x")
    done = run(
        *("detect", "scans/one.png", "scans", "--plane", "TT", "--out", "found", "--model", detector_folder),
        *("--min-score", 0, "--review-below", 1, "--json"),
    )
    values = json.loads(done.stdout)
    assert values == json.loads(Path("found/detections.json").read_text())
    first = values["images"][0]
    assert (first["plane"], first["plane_score"], first["layout"]) == (
        "thalamic_transverse",
        1.0,
        "layouts/one.layout.json",
    )
    assert [box["structure"] for box in first["boxes"]] == ["skull", "cavum_septi_pellucidi", "thalami"]
    assert len(first["review"]) == 3
    assert values["refused"][0]["image"] == "scans/broken.png"
    assert "left out scans/broken.png: " in done.stderr
    assert Layout.load(Path("found") / first["layout"]).width == 64


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("nowhere", "there is no image file or folder nowhere"),
        ("scan.layout.json", "scan.layout.json is no readable image"),
        ("scans --plane femur", "not trained on the plane femur"),
        ("scans --plane brian", "unknown plane 'brian'"),
        ("scans --min-score 2", "--min-score"),
        ("scans --model nothing", "model 'nothing' is neither a folder nor found"),
        ("scans --model scans", "scans holds no detector"),
        ("scans --model scan.png", "scan.png is a file; a model is a folder that holds config.json"),
        ("scans --out scans", "scans is already there and is not a folder of detections"),
        ("scans --out scan.png", "scan.png is a file"),
        ("scans --device abacus", "device 'abacus' cannot be used"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    run: RunCommand, scans: Path, detector_folder: Path, options: str, message: str
) -> None:
    stderr = run("detect", "--out", "found", "--model", detector_folder, *options.split(), code=2).stderr
    assert message in stderr
    assert "Traceback" not in stderr
    assert not Path("found").exists()


def test_a_generative_model_is_no_detector(run: RunCommand, scans: Path, tiny_model: Path) -> None:
    assert "holds no detector" in run("detect", "scans", "--out", "found", "--model", tiny_model, code=2).stderr
