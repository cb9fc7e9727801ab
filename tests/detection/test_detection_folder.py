from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder, read_image
from fetalflex.detection import Detector
from fetalflex.detection.folder import DetectionSettings, detect_into_folder
from fetalflex.detection.sources import image_sources
from fetalflex.errors import FetalFlexError
from phantoms import draw_phantom, random_layout


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A folder of three phantoms, two of one name, in sub-folders."""
    rng = np.random.default_rng(7)
    for name in ("scans/a.png", "scans/deep/a.png", "scans/deep/b.jpg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_phantom(random_layout(rng), rng)).save(path)
    (tmp_path / "scans" / "notes.txt").write_text("no image")
    (tmp_path / "scans" / ".hidden.png").write_bytes(b"")
    return tmp_path / "scans"


def test_what_was_found_is_a_data_set_with_layouts_and_scores(detector: Detector, scans: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out", []
    sources = image_sources([scans], detector.registry)
    found = detect_into_folder(detector, sources, out, DetectionSettings(batch_size=2), on_progress=told.append)
    dataset = DatasetFolder(out)
    assert [record.file_name for record in dataset] == ["images/a.png", "images/a_2.png", "images/b.png"]
    assert told == [2, 3]
    for record, image in zip(dataset, found.images, strict=True):
        assert (dataset.image(record) == read_image(Path(image.origin))).all()
        assert Layout.load(out / image.layout_file) == record.layout == image.detection.layout
        assert record.extra["annotator"] == detector.identity
        assert len(record.extra["scores"]) == len(record.layout.structures) > 0
    coco = json.loads((out / "annotations.json").read_text())
    assert [entry["score"] for entry in coco["annotations"]] == [s for r in dataset for s in r.extra["scores"]]
    assert "not drawn by people" in coco["info"]["description"]
    assert json.loads((out / "detections.json").read_text()) == found.to_dict()
    assert read_image(out / "review-1.png").shape[1] > 1000


def test_a_data_set_keeps_patients_and_splits(detector: Detector, phantom_folder: Path, tmp_path: Path) -> None:
    sources = image_sources([phantom_folder], detector.registry)[:3]
    detect_into_folder(detector, sources, tmp_path / "out")
    before, after = DatasetFolder(phantom_folder), DatasetFolder(tmp_path / "out")
    for one, other in zip(list(before)[:3], after, strict=True):
        assert (one.patient, one.source, one.split) == (other.patient, other.source, other.split)
        assert other.layout.pixel_spacing_mm == one.layout.pixel_spacing_mm


def test_unreadable_images_are_left_out_and_told(detector: Detector, scans: Path, tmp_path: Path) -> None:
    (scans / "broken.png").write_bytes(b"\x89PNG but not really")
    Image.new("L", (20_000, 2)).save(scans / "long.png")
    found = detect_into_folder(detector, image_sources([scans], detector.registry), tmp_path / "out")
    assert len(found.images) == 3
    assert [where.rpartition("/")[2] for where, _ in found.refused] == ["broken.png", "long.png"]
    assert "no readable image" in found.refused[0][1]
    assert "16384, got 20000" in found.refused[1][1]


def test_nothing_is_written_without_a_readable_image(detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"x")
    with pytest.raises(FetalFlexError, match="none of the 1 images can be read"):
        detect_into_folder(detector, image_sources([tmp_path / "x.png"], detector.registry), tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_scores_decide_what_is_kept_and_reviewed(detector: Detector, scans: Path, tmp_path: Path) -> None:
    sources = image_sources([scans / "a.png"], detector.registry)
    settings = DetectionSettings(plane="TT", min_score=0.0, review_below=1.0)
    [image] = detect_into_folder(detector, sources, tmp_path / "all", settings).images
    assert len(image.detection.scores) == 3
    assert image.doubts == tuple(
        f"{p.name} {s:.2f}" for p, s in zip(image.detection.layout.structures, image.detection.scores, strict=True)
    )
    [image] = detect_into_folder(detector, sources, tmp_path / "none", DetectionSettings(min_score=1.0)).images
    assert image.doubts == ("no box",)
    with pytest.raises(FetalFlexError, match="min_score is 2"):
        DetectionSettings(min_score=2)


def test_only_detections_are_replaced(detector: Detector, scans: Path, phantom_folder: Path, tmp_path: Path) -> None:
    sources = image_sources([scans / "a.png"], detector.registry)
    detect_into_folder(detector, sources, tmp_path / "out")
    with pytest.raises(FetalFlexError, match="already there"):
        detect_into_folder(detector, sources, tmp_path / "out")
    detect_into_folder(detector, sources, tmp_path / "out", force=True)
    with pytest.raises(FetalFlexError, match="is not a folder of detections"):
        detect_into_folder(detector, sources, phantom_folder, force=True)


def test_what_was_found_before_is_not_searched_again(detector: Detector, scans: Path) -> None:
    out = scans / "found"
    detect_into_folder(detector, image_sources([scans], detector.registry), out)
    assert len(image_sources([scans], detector.registry)) > 3
    sources = image_sources([scans], detector.registry, leave_out=out)
    assert len(detect_into_folder(detector, sources, out, force=True).images) == 3


def test_each_image_comes_once(detector: Detector, scans: Path) -> None:
    sources = image_sources([scans, scans / "a.png", scans / "deep"], detector.registry)
    assert [source.stem for source in sources] == ["a", "a", "b"]


def test_missing_and_empty_places_are_told(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match="there is no image file or folder"):
        image_sources([tmp_path / "nowhere"], detector.registry)
    with pytest.raises(FetalFlexError, match="holds no image"):
        image_sources([tmp_path], detector.registry)
