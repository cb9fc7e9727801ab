from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from training_helpers import log_lines, same_weights, silent, weights

from fetalflex.anatomy import Layout, default_registry
from fetalflex.compute.processes import Processes
from fetalflex.data import DatasetFolder, Record
from fetalflex.detection import Detector
from fetalflex.errors import FetalFlexError
from fetalflex.training.config import DataConfig, DetectorStage, RunConfig
from fetalflex.training.detector import new_detector
from fetalflex.training.estimate import estimate_run
from fetalflex.training.images import half_of, select_samples
from fetalflex.training.order import generator_at
from fetalflex.training.run import build_stage, gather, train
from phantoms import draw_phantom, random_layout

SMALL = {"size": 64, "network": {"channels": [8, 8, 8, 8], "blocks": [1, 1, 1, 1], "neck": 8}}


def run_config(output: Path, folder: Path, **changes: Any) -> RunConfig:
    """Return a run that takes about a second."""
    values: dict[str, Any] = {
        "stage": "detector",
        "output": output,
        "data": {"paths": [folder], "views": {"whole": 1}},
        "images": 32,
        "batch_size": 8,
        "warmup_images": 8,
        "checkpoint_every": 16,
        "validate_every": 16,
        "log_every": 8,
        "device": "cpu",
        "detector": SMALL,
    }
    return RunConfig.model_validate(values | changes)


@pytest.fixture
def mixed_folder(tmp_path: Path) -> Path:
    """Phantoms of a source that draws everything, of one that draws skulls, and femurs without boxes."""
    rng = np.random.default_rng(0)

    def items() -> Any:
        for number in range(24):
            layout = random_layout(rng)
            pixels, split = draw_phantom(layout, rng), "val" if number % 4 == 3 else "train"
            source = ("all", "skulls", "planes")[number % 3]
            if source == "skulls":
                layout = layout.with_structures(layout.find("skull"))
            elif source == "planes":
                layout, pixels = Layout("femur", 64, 64), np.full((64, 64), 10 * (number % 5), np.uint8)
            elif number == 0:
                layout = layout.with_structures(layout.find("skull"))
            yield Record(f"{number}.png", layout, str(number), source, split), pixels

    DatasetFolder.write(tmp_path / "mixed", items())
    return tmp_path / "mixed"


def stage_of(config: RunConfig) -> Any:
    return build_stage(config, gather(config, None, Processes()), lambda *_: pytest.fail("needs no latents"))


def test_a_run_resumes_bit_for_bit(tmp_path: Path, phantom_folder: Path) -> None:
    assert train(run_config(tmp_path / "once", phantom_folder), console=silent())
    shorter = tmp_path / "shorter"
    assert train(run_config(shorter, phantom_folder), console=silent())
    newest = shorter / "checkpoints" / "images-0000000032"
    for path in sorted(newest.iterdir()):
        path.unlink()
    newest.rmdir()
    assert train(run_config(shorter, phantom_folder), console=silent())
    first, second = (Detector.from_pretrained(folder / "model") for folder in (tmp_path / "once", shorter))
    assert same_weights(weights(first.network), weights(second.network))


def test_a_run_leaves_numbers_and_sheets(tmp_path: Path, phantom_folder: Path) -> None:
    assert train(run_config(tmp_path / "run", phantom_folder), console=silent())
    validation = [line for line in log_lines(tmp_path / "run") if "validation/loss" in line][-1]
    assert validation["validation/loss"] == pytest.approx(1 - validation["validation/ap"])
    assert {"validation/ap50", "validation/ap50_skull", "validation/plane_accuracy"} <= validation.keys()
    assert len(list((tmp_path / "run" / "samples").glob("*.png"))) == 2
    record = yaml.safe_load((tmp_path / "run" / "run.yaml").read_text())
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert record["data_fingerprint"] == config["training"]["data_fingerprint"]


def test_planes_and_structures_are_those_of_the_data(tmp_path: Path, mixed_folder: Path) -> None:
    detector = stage_of(run_config(tmp_path / "run", mixed_folder)).detector
    assert detector.config.planes == {
        "thalamic_transverse": ("skull", "cavum_septi_pellucidi", "thalami"),
        "femur": (),
    }
    assert tuple(detector.config.typical_sizes) == ("skull", "cavum_septi_pellucidi", "thalami")


def test_what_is_not_annotated_costs_by_how_usual_it_is(tmp_path: Path, mixed_folder: Path) -> None:
    config = run_config(tmp_path / "run", mixed_folder)
    parts = gather(config, None, Processes())
    absences = dict(zip([s.record.file_name for s in parts.training], stage_of(config).absences, strict=True))
    assert absences["1.png"].tolist() == [0, 0, 0]  # its source draws skulls alone
    assert absences["2.png"].tolist() == [0, 0, 0]  # not annotated
    assert absences["6.png"].tolist() == [0, 0, 0]  # has everything
    share = sum(s.record.source == "all" and len(s.layout.structures) == 3 for s in parts.training)
    share /= sum(s.record.source == "all" for s in parts.training)
    assert absences["0.png"].tolist() == pytest.approx([0, 0.5 * (1 - share), 0.5 * (1 - share)])


def test_the_loss_depends_on_indices_and_generator_alone(tmp_path: Path, mixed_folder: Path) -> None:
    stage = stage_of(run_config(tmp_path / "run", mixed_folder))
    indices = np.array([0, 3, 1])
    values = [float(stage.loss(indices, generator_at(seed, "x", 0), 0.0)[0].detach()) for seed in (0, 0, 1)]
    assert values[0] == values[1] != values[2]


def test_a_detector_is_trained_further(tmp_path: Path, phantom_folder: Path, detector_folder: Path) -> None:
    config = run_config(tmp_path / "run", phantom_folder, init=detector_folder, images=8, learning_rate=1e-5)
    assert train(config, console=silent())
    before, after = Detector.from_pretrained(detector_folder), Detector.from_pretrained(tmp_path / "run" / "model")
    assert before.config.planes == after.config.planes
    assert not same_weights(weights(before.network), weights(after.network))
    image = DatasetFolder(phantom_folder).image(DatasetFolder(phantom_folder)[40])
    [one], [other] = before.detect([image]), after.detect([image])
    assert one.layout.find("skull")[0].box.iou(other.layout.find("skull")[0].box) > 0.7


def test_a_detector_is_not_trained_on_what_it_does_not_know(
    tmp_path: Path, mixed_folder: Path, detector_folder: Path
) -> None:
    with pytest.raises(FetalFlexError, match="the detector of init lacks the plane femur"):
        gather(run_config(tmp_path / "run", mixed_folder, init=detector_folder), None, Processes())


def test_without_boxes_there_is_nothing_to_learn(tmp_path: Path) -> None:
    pixels = np.zeros((32, 32), np.uint8)
    items = [(Record(f"{split}.png", Layout("femur", 32, 32), split=split), pixels) for split in ("train", "val")]
    DatasetFolder.write(tmp_path / "data", items)
    with pytest.raises(FetalFlexError, match="no training image has a box"):
        gather(run_config(tmp_path / "run", tmp_path / "data"), None, Processes())


def test_the_halves_share_no_patient(phantom_folder: Path) -> None:
    whole, first, second = (
        select_samples(
            DataConfig(paths=(phantom_folder,), views={"whole": 1.0}, half=half), "train", default_registry()
        )
        for half in (None, "first", "second")
    )
    names = [{sample.record.patient_key for sample in samples} for samples in (whole, first, second)]
    assert names[1] | names[2] == names[0]
    assert not names[1] & names[2]
    assert min(map(len, names)) > 9
    assert {half_of(sample.record) for sample in first} == {"first"}
    config = DataConfig(paths=(phantom_folder,), views={"whole": 1.0}, half="first")
    assert len(select_samples(config, "val", default_registry())) == 12


def test_weights_depend_on_the_seed_alone(phantom_folder: Path) -> None:
    config = DataConfig(paths=(phantom_folder,), views={"whole": 1.0})
    samples = select_samples(config, "train", default_registry())
    torch.manual_seed(1)
    one, same, other = (
        new_detector(DetectorStage.model_validate(SMALL), samples, default_registry(), "x", seed) for seed in (0, 0, 1)
    )
    assert one.identity == same.identity != other.identity


def test_a_run_is_estimated(tmp_path: Path, phantom_folder: Path) -> None:
    estimate = estimate_run(run_config(tmp_path / "run", phantom_folder), console=silent())
    assert estimate.shown_images == 32
    assert estimate.cache_bytes == 0
    assert estimate.encoding_seconds == 0
    assert not (tmp_path / "run").exists()


def test_a_record_of_a_run_from_before_a_field_came_still_counts(tmp_path: Path, phantom_folder: Path) -> None:
    config = run_config(tmp_path / "run", phantom_folder)
    assert train(config, console=silent())
    path = tmp_path / "run" / "run.yaml"
    record = yaml.safe_load(path.read_text())
    del record["config"]["data"]["half"]
    del record["config"]["control"]
    path.write_text(yaml.safe_dump(record))
    assert train(config, console=silent())
