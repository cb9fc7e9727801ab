from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from fetalflex.anatomy import Canvas, Layout
from fetalflex.data import DatasetFolder, Record
from fetalflex.detection import Detector
from fetalflex.detection.detector import patient_digest, patients_seen
from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER
from phantoms import draw_phantom, random_layout


@pytest.fixture
def copied(detector_folder: Path, tmp_path: Path) -> Path:
    """A copy of the detector's folder, the test's own."""
    return Path(shutil.copytree(detector_folder, tmp_path / "detector"))


def phantom(seed: int, width: int = 64, height: int = 64) -> tuple[np.ndarray, Layout]:
    rng = np.random.default_rng(1000 + seed)
    layout = random_layout(rng, width, height)
    return draw_phantom(layout, rng), layout


@pytest.mark.parametrize("scale", [1, 3])
def test_it_finds_new_phantoms_at_any_resolution(detector: Detector, scale: int) -> None:
    images, layouts = zip(*(phantom(seed) for seed in range(6)), strict=True)
    enlarged = [image.repeat(scale, axis=0).repeat(scale, axis=1) for image in images]
    ious: dict[str, list[float]] = {"skull": [], "thalami": []}
    for found, layout in zip(detector.detect(enlarged), layouts, strict=True):
        assert (found.layout.plane, found.layout.width) == (layout.plane, 64 * scale)
        for name, values in ious.items():
            [true], placed = layout.find(name), found.layout.find(name)
            assert len(placed) <= 1
            values.append(placed[0].box.iou(true.box.transformed(scale)) if placed else 0.0)
    assert np.mean(ious["skull"]) > 0.7
    assert np.mean(ious["thalami"]) > 0.5


def test_boxes_are_brought_back_from_the_canvas(detector: Detector) -> None:
    wide = np.pad(phantom(0)[0], ((0, 0), (16, 80)))
    canvas = Canvas(160, 64, 64)
    [found] = detector.detect([wide], ["TT"], min_score=0.0)
    [on_canvas] = detector.detect([canvas.image_to_canvas(wide)], ["TT"], min_score=0.0)
    expected = canvas.layout_from_canvas(on_canvas.layout)
    for one, other in zip(found.layout.structures, expected.structures, strict=True):
        part = other.box.clipped(160, 64)
        assert part is not None
        assert one.box.corners() == pytest.approx(part.corners(), abs=1e-4)


def test_an_image_does_not_depend_on_its_batch(detector: Detector) -> None:
    images = [phantom(seed)[0] for seed in range(5)]
    together = detector.detect(images, min_score=0.0)
    for image, first in zip(images, together, strict=True):
        [alone] = detector.detect([image], min_score=0.0)
        assert alone.scores == pytest.approx(first.scores, abs=1e-4)
        for one, other in zip(alone.layout.structures, first.layout.structures, strict=True):
            assert one.box.corners() == pytest.approx(other.box.corners(), abs=1e-2)
    assert detector.detect([]) == []


def test_boxes_lie_in_the_image_and_low_scores_are_left_out(detector: Detector) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 90), dtype=np.uint8)
    [everything] = detector.detect([noise], min_score=0.0)
    for placed in everything.layout.structures:
        x0, y0, x1, y1 = placed.box.corners()
        assert 0 <= x0 < x1 <= 90
        assert 0 <= y0 < y1 <= 40
    [surest] = detector.detect([noise], min_score=0.9)
    assert all(score >= 0.9 for score in surest.scores)
    assert len(surest.scores) < 3


def test_a_plane_that_is_told_is_not_doubted(detector: Detector) -> None:
    image, _ = phantom(0)
    [found] = detector.detect([image], ["brain-tt"])
    assert found.layout.plane == "thalamic_transverse"
    assert found.plane_score == 1
    with pytest.raises(FetalFlexError, match=r"not trained on the plane femur; it knows thalamic_transverse"):
        detector.detect([image], ["femur"])
    with pytest.raises(FetalFlexError, match="unknown plane"):
        detector.detect([image], ["brian"])


def test_it_comes_back_from_its_folder(detector: Detector, tmp_path: Path) -> None:
    image, _ = phantom(3)
    [first] = detector.detect([image])
    whole, half = detector.save(tmp_path / "whole"), detector.save(tmp_path / "half", half=True)
    assert sorted(path.name for path in whole.iterdir()) == [MARKER, "config.json", "model.safetensors", "planes.yaml"]
    assert (half / "model.safetensors").stat().st_size < 0.6 * (whole / "model.safetensors").stat().st_size
    again, small = Detector.from_pretrained(whole), Detector.from_pretrained(half)
    assert again.detect([image]) == [first]
    assert again.identity == small.identity == detector.identity
    assert small.detect([image])[0].scores == pytest.approx(first.scores, abs=0.05)
    assert again.config == detector.config


def test_saving_replaces_a_detector_and_nothing_else(detector: Detector, tmp_path: Path) -> None:
    detector.save(tmp_path / "d")
    detector.save(tmp_path / "d")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").write_text("x")
    with pytest.raises(FetalFlexError, match="is not a detector that FetalFlex wrote"):
        detector.save(tmp_path / "other")


def test_its_config_says_what_it_was_trained_on(detector: Detector, phantom_folder: Path) -> None:
    training = detector.config.training
    assert training is not None
    assert training.images == len(training.patients) == 36
    assert detector.config.planes == {"thalamic_transverse": ("skull", "cavum_septi_pellucidi", "thalami")}
    width, height = detector.config.typical_sizes["skull"]
    records = DatasetFolder(phantom_folder).subset("train")
    assert width == pytest.approx(np.median([r.layout.find("skull")[0].box.width / 64 for r in records]), abs=1e-4)
    assert 0.4 < height < 0.65


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _pickled(folder: Path) -> None:
    torch.save({"x": torch.zeros(1)}, folder / "model.safetensors")


def _other_shape(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(tensors | {"plane.bias": torch.zeros(5)}, folder / "model.safetensors")


def _not_finite(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(
        tensors | {"plane.bias": torch.full_like(tensors["plane.bias"], float("nan"))}, folder / "model.safetensors"
    )


def _config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(values | changes))

    return change


def _text(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "config.json").write_text(text) and None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "model.safetensors: cannot be loaded"),
        (_without_weights, "model.safetensors: cannot be loaded"),
        (_pickled, "model.safetensors: cannot be loaded"),
        (_other_shape, r"model.safetensors: cannot be loaded \(plane.bias is \(5,\)"),
        (_not_finite, "weights that are not finite"),
        (_config(size=63), "size: .*multiple of 32"),
        (_config(size=1_000_000), "size: "),
        (_config(planes={"thalamic_transverse": ["stomach"]}), "stomach, which has no typical size"),
        (_config(planes={"brian": ["skull"]}), "config.json: unknown plane 'brian'"),
        (_config(planes={"femur": ["skull"]}), "config.json: structure skull does not belong to the plane femur"),
        (_config(planes={"../x": []}), "planes"),
        (_config(typical_sizes={"skull": [0, 1]}), "typical_sizes"),
        (_config(network={"channels": [8, 16, 24, 10**9], "blocks": [1, 1, 1, 1], "neck": 16}), "network.channels"),
        (_config(version=2), "version"),
        (_config(extra=1), "extra"),
        (_text("{"), "config.json is not valid JSON"),
        (_text('{"format": "fetalflex/detector"'), "JSON"),
        (_text('{"_class_name": "AutoencoderKL"}'), "not a detector's"),
    ],
)
def test_a_damaged_folder_is_refused(copied: Path, damage: Callable[[Path], None], message: str) -> None:
    damage(copied)
    with pytest.raises(FetalFlexError, match=message):
        Detector.from_pretrained(copied)


def test_other_folders_are_no_detectors(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match="holds no detector"):
        Detector.from_pretrained(tmp_path)
    with pytest.raises(FetalFlexError, match="neither a folder nor found"):
        Detector.from_pretrained("nothing")
    with pytest.raises(FetalFlexError, match="no model folder"):
        Detector.from_pretrained(tmp_path / "x" / "y")


def test_a_structure_that_the_registry_lacks_is_told(detector: Detector) -> None:
    config = detector.config.model_copy(update={"planes": {"thalamic_transverse": ("abdomen",)}})
    with pytest.raises(FetalFlexError, match="abdomen"):
        Detector(config, detector.network)


def test_patients_that_it_has_seen_are_counted_across_data_sets() -> None:
    layout = Layout("femur", 8, 8)
    trained = [Record("a.png", layout, "p1", "one"), Record("b.png", layout, None, "one")]
    digests = {patient_digest(record) for record in trained}
    met = [
        Record("c.png", layout, "p1", "two"),
        Record("d.png", layout, "p2", "one"),
        Record("b.png", layout, None, "two"),
    ]
    assert patients_seen(trained, digests) == 2
    assert patients_seen(met, digests) == 1
    assert patients_seen([*met, *met], digests) == 1


def test_digests_of_older_detectors_name_the_source_too() -> None:
    layout = Layout("femur", 8, 8)
    older = {hashlib.sha256(b"one/p1").hexdigest()[:12]}
    assert patients_seen([Record("c.png", layout, "p1", "one"), Record("e.png", layout, "p1", "one")], older) == 1
    assert patients_seen([Record("c.png", layout, "p1", "two")], older) == 0
