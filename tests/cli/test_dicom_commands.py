"""DICOM files on the command line, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from dicom_files import PRIVATE, noise, region, write_dicom
from fetalflex.anatomy import Layout, default_registry
from fetalflex.data import DatasetFolder, read_image
from fetalflex.data.coco_records import coco_from_records
from fetalflex.data.records import Record
from phantoms import draw_phantom, random_layout


@pytest.fixture
def scans(workplace: Path) -> Path:
    """The picture of the workplace and a clip of phantoms as DICOM files, with COCO boxes for the first."""
    folder, rng = workplace / "scans", np.random.default_rng(3)
    whole = region((0, 0, LAYOUT.width - 1, LAYOUT.height - 1), (0.5, 0.5))
    pixels = read_image(workplace / "scan.png")
    write_dicom(folder / "scan.dcm", pixels, SequenceOfUltrasoundRegions=[whole], LastMenstrualDate="20240131")
    clip = np.stack([draw_phantom(random_layout(rng), rng) for _ in range(3)])
    height, width = clip.shape[1:]
    write_dicom(
        folder / "clip.dcm", clip, SequenceOfUltrasoundRegions=[region((0, 0, width - 1, height - 1), (0.5, 0.5))]
    )
    coco = coco_from_records([Record("scan.dcm", LAYOUT)], default_registry())
    (folder / "boxes.json").write_text(json.dumps(coco))
    return folder


def test_boxes_beside_dicom_are_measured_at_once(run: RunCommand, scans: Path) -> None:
    run("prepare", "scans", "--format", "coco", "--plane", "abdominal_transverse", "--frames", "first", "--out", "set")
    told = json.loads(run("measure", "scan", "--dataset", "set", "--json").stdout)[0]
    assert told["pixel_spacing_mm"] == pytest.approx(0.5)
    assert told["gestational_age"] == "18w2d"
    (circumference,) = [one for one in told["measurements"] if one["measure"] == "AC"]
    assert 0 <= circumference["centile"] <= 100
    other = json.loads(run("measure", "scan", "--dataset", "set", "--age", "20w", "--json").stdout)[0]
    assert other["gestational_age"] == "20w0d"


def test_frames_of_a_clip_become_images(run: RunCommand, scans: Path) -> None:
    arguments = ("prepare", "scans/clip.dcm", "--format", "dicom", "--plane", "TT", "--out", "set")
    told = run(*arguments, code=2).stderr
    assert "clip.dcm: holds 3 frames; say which to take: --frames all, every:N, first or middle" in " ".join(
        told.split()
    )
    assert "3 images taken" in run(*arguments, "--frames", "all").stdout
    assert "2 images taken" in run(*arguments, "--frames", "every:2", "--force").stdout
    told = run(*arguments, "--frames", "some", code=2).stderr
    assert "frames is 'some'; choose all, every:N (such as every:10), first or middle" in " ".join(told.split())


def test_detect_takes_frames_and_spacing(run: RunCommand, scans: Path, detector_folder: Path) -> None:
    done = run("detect", "scans", "--out", "found", "--model", detector_folder, "--frames", "every:2")
    records = {record.file_name: record for record in DatasetFolder(Path("found"))}
    assert sorted(records) == ["images/clip-frame-1.png", "images/clip-frame-3.png", "images/scan.png"]
    assert [record.layout.pixel_spacing_mm for record in records.values()] == pytest.approx([0.5] * 3)
    assert records["images/clip-frame-3.png"].extra["frame"] == 3
    assert Layout.load("found/layouts/clip-frame-3.layout.json").pixel_spacing_mm == pytest.approx(0.5)
    assert done.stderr.count("left out") == 0
    assert "left out scans/clip.dcm: scans/clip.dcm holds" not in done.stderr
    done = run("detect", "scans", "--out", "single", "--model", detector_folder)
    assert "left out scans/clip.dcm: holds 3 frames; say which to take: --frames all" in " ".join(done.stderr.split())
    written = b"".join(path.read_bytes() for path in Path().rglob("found/**/*") if path.is_file())
    assert not [text for text in PRIVATE if text.encode() in written + done.stderr.encode()]


def test_edit_takes_a_dicom_file(run: RunCommand, scans: Path, tiny_model: Path) -> None:
    arguments = ("edit", "scans/scan.dcm", "--layout", "scan.layout.json", "--move", "stomach:5%,0", "--steps", 2)
    run(*arguments, "--model", tiny_model, "--seed", 1, "--out", "a.png")
    run(*(arguments[0], "scan.png", *arguments[2:]), "--model", tiny_model, "--seed", 1, "--out", "b.png")
    np.testing.assert_array_equal(read_image(Path("a.png")), read_image(Path("b.png")))
    assert Layout.load("a.layout.json").pixel_spacing_mm == pytest.approx(0.5)
    assert Layout.load("b.layout.json").pixel_spacing_mm is None
    told = run(
        *(arguments[0], "scans/clip.dcm", *arguments[2:]), "--model", tiny_model, "--out", "c.png", code=2
    ).stderr
    assert (
        "scans/clip.dcm holds 3 frames; `fetalflex prepare` and `fetalflex detect` take them with --frames"
        in " ".join(told.split())
    )


def test_generate_takes_a_dicom_file(run: RunCommand, scans: Path, tiny_model: Path) -> None:
    arguments = ("generate", "scan.layout.json", "--model", tiny_model, "--steps", 2, "--seed", 1)
    run(*arguments, "--image", "scans/scan.dcm", "--out", "a")
    run(*arguments, "--image", "scan.png", "--out", "b")
    (one,), (other,) = ([*Path(folder).glob("*.png")] for folder in "ab")
    np.testing.assert_array_equal(read_image(one), read_image(other))


def test_colour_doppler_is_told_and_taken_on_request(run: RunCommand, scans: Path, detector_folder: Path) -> None:
    write_dicom(scans / "flow.dcm", noise(40, 60), ImageType=["ORIGINAL", "PRIMARY", "X", "0011"])
    options = ("--out", "found", "--model", detector_folder, "--frames", "first")
    told = " ".join(run("detect", "scans", *options).stderr.split())
    assert "left out scans/flow.dcm: scans/flow.dcm is colour Doppler, as its header says; it is read, as grey" in told
    assert "left out" not in run("detect", "scans", *options, "--colour-doppler", "--force").stderr
