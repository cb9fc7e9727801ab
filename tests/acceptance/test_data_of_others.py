"""Whatever replaces a folder replaces nothing but its own: every writer of the product, with and without markers."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.data import DatasetFolder, Record, export, prepare
from fetalflex.data.exporters import EXPORTERS
from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER
from other_processes import held_elsewhere

if TYPE_CHECKING:
    from fetalflex.detection import Detector
    from fetalflex.models.components import Components

LAYOUT = Layout(
    "abdominal_transverse",
    width=72,
    height=56,
    structures=(PlacedStructure("abdomen", Box(36, 28, 48, 40)), PlacedStructure("stomach", Box(30, 28, 12, 8))),
)
PIXELS = np.random.default_rng(0).integers(1, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8)
Write = Callable[[Path], None]


@dataclass(frozen=True)
class Given:
    """Hold what the writers write."""

    source: Path
    detector: Detector
    model: Components


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory, detector: Detector, shared_model: Components) -> Given:
    source = tmp_path_factory.mktemp("others") / "set"
    records = [Record(f"images/{name}.png", LAYOUT, split="train") for name in ("a", "b")]
    DatasetFolder.write(source, [(record, PIXELS) for record in records])
    return Given(source, detector, copy.deepcopy(shared_model))


def _export(format: str) -> Callable[[Given], Write]:
    def of(given: Given) -> Write:
        dataset = DatasetFolder(given.source)
        return lambda out: export(((one, dataset.image(one)) for one in dataset), format, out, force=True)

    return of


def _prepare(given: Given) -> Write:
    return lambda out: prepare(given.source, "coco", out, force=True)


def _detect(given: Given) -> Write:
    from fetalflex.detection.folder import detect_into_folder
    from fetalflex.detection.sources import image_sources

    def write(out: Path) -> None:
        sources = image_sources([given.source / "images"], given.detector.registry)
        detect_into_folder(given.detector, sources, out, force=True)

    return write


def _model(given: Given) -> Write:
    return lambda out: given.model.save(out)


def _detector(given: Given) -> Write:
    return lambda out: given.detector.save(out)


WRITERS: dict[str, Callable[[Given], Write]] = {
    "prepare": _prepare,
    "detect": _detect,
    "model": _model,
    "detector": _detector,
    **{f"export {format}": _export(format) for format in EXPORTERS},
}


@pytest.fixture(params=list(WRITERS))
def write(request: pytest.FixtureRequest, given: Given) -> Write:
    return WRITERS[request.param](given)


def listing(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_foreign_is_replaced_and_what_is_ours_is(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out)
    first = listing(out)
    write(out)  # as a whole, by its marker
    assert listing(out) == first

    (out / MARKER).unlink()  # as an earlier version would have left it
    write(out)
    assert listing(out) == first

    for has_marker in (True, False):
        if not has_marker:
            (out / MARKER).unlink()
        for name in ("thesis.tex", "README", "images/scan.dcm", "unet/mine.txt", "annotations.csv"):
            path = out / name
            had_folder = path.parent.exists()
            path.parent.mkdir(exist_ok=True)
            path.write_text("years of work")
            with pytest.raises(FetalFlexError, match=f"did not write \\({name}\\), so it is not replaced"):
                write(out)
            assert path.read_text() == "years of work"
            path.unlink()
            if not had_folder:
                path.parent.rmdir()
    assert listing(out) == {name: data for name, data in first.items() if name != MARKER}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_folders_that_look_like_ours_are_not_replaced(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "scans"
    for name, text in {
        "dicom/1.dcm": "scan",
        "annotations.json": "{}",
        "config.json": "{}",
        "model_index.json": "{}",
        "fetalflex_config.json": "{}",
        "detections.json": "{}",
        "records.jsonl": "",
        "shards.json": "{}",
        "README.md": "# My scans\n",
    }.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(text)
    before = listing(out)
    with pytest.raises(FetalFlexError, match=r"scans is already there and is not an? .* that FetalFlex wrote"):
        write(out)
    assert listing(out) == before


def test_scans_with_coco_boxes_are_not_replaced(write: Write, given: Given, tmp_path: Path) -> None:
    out = tmp_path / "scans"
    shutil.copytree(given.source, out)
    (out / MARKER).unlink()
    text = (out / "annotations.json").read_text()
    (out / "annotations.json").write_text(text.replace("FetalFlex", "me"))
    before = listing(out)
    with pytest.raises(FetalFlexError, match=r"is not an? .* that FetalFlex wrote"):
        write(out)
    assert listing(out) == before


def test_a_folder_in_which_another_process_works_is_refused_at_once(write: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with held_elsewhere(out) as holder, pytest.raises(FetalFlexError, match=f"out is in use by process {holder.pid} "):
        write(out)
    assert not out.exists()
    write(out)
