from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from augment_helpers import ABDOMEN, abdomens, plan_of, planned
from numpy.typing import NDArray

from fetalflex.anatomy import Box, PlacedStructure, default_registry, draw_organ_mask, draw_roi_mask
from fetalflex.augment.checking import Checker, QualityVerdict
from fetalflex.augment.copies import Kept, RealRegions
from fetalflex.augment.plan import Checks
from fetalflex.augment.planned import Candidate
from fetalflex.data import DatasetFolder, Record
from fetalflex.evaluation.copies.grey_vectors import grey_vector

REGISTRY = default_registry()


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetFolder:
    return abdomens(tmp_path / "set")


@pytest.fixture
def sample(dataset: DatasetFolder) -> Candidate:
    [sample] = planned(dataset, plan_of({"plane": "abdominal_transverse", "normal": True, "count": 1}))
    return sample


def fresh(seed: int = 9) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 255, (80, 96), dtype=np.uint8)


def judged(
    dataset: DatasetFolder, sample: Candidate, image: NDArray[np.uint8], kept: list[Kept] | None = None, **checks: Any
) -> QualityVerdict:
    real = RealRegions(dataset, {"train"}, REGISTRY)
    checker = Checker(Checks(**({"layout": False} | checks)), REGISTRY, real)
    mask = draw_roi_mask(sample.after, REGISTRY)
    return checker.judge(sample, image, dataset.image(sample.record), mask, kept or [])


def test_a_good_image_passes_with_its_numbers(dataset: DatasetFolder, sample: Candidate) -> None:
    verdict = judged(dataset, sample, fresh())
    assert verdict.reason is None
    assert verdict.numbers["grey"] == pytest.approx(127, abs=3)
    assert -1 < verdict.numbers["real_correlation"] < 0.5


def test_black_and_flat_regions_are_told_apart(dataset: DatasetFolder, sample: Candidate) -> None:
    outside = ~draw_roi_mask(sample.after, REGISTRY)
    black, flat = (np.where(outside, fresh(), value).astype(np.uint8) for value in (0, 90))
    assert judged(dataset, sample, black).reason == "empty"
    assert judged(dataset, sample, flat).reason == "flat"
    assert judged(dataset, sample, black, least_grey=0, least_contrast=0).reason is None


def test_an_image_that_ignores_its_layout_is_rejected_if_asked_for(dataset: DatasetFolder, sample: Candidate) -> None:
    assert sample.after.find("stomach")
    verdict = judged(dataset, sample, (fresh() // 8 + 100).astype(np.uint8), layout=True)
    assert (verdict.reason, verdict.detail) == ("layout", "stomach")
    assert verdict.numbers["stomach_dark_share"] < 0.3


def test_copies_are_found_mirrored_and_dimmed_too(dataset: DatasetFolder, sample: Candidate) -> None:
    other = next(record for record in dataset if record != sample.record)
    for record in (sample.record, other):
        dimmed = (dataset.image(record) // 2 + 20).astype(np.uint8)
        for copied in (dimmed, np.ascontiguousarray(dimmed[:, ::-1])):
            verdict = judged(dataset, sample, copied)
            assert (verdict.reason, verdict.detail) == ("copy", f"of {record.file_name}")
            assert verdict.numbers["real_correlation"] > 0.95
            assert judged(dataset, sample, copied, copy_correlation=None).reason is None


def test_a_local_edit_is_not_asked_whether_it_resembles_its_source(dataset: DatasetFolder, sample: Candidate) -> None:
    source = dataset.image(sample.record)
    part = draw_organ_mask(sample.after, REGISTRY, ["stomach"])
    checker = Checker(Checks(layout=False), REGISTRY, RealRegions(dataset, {"train"}, REGISTRY))
    verdict = checker.judge(sample, source, source, part, [])
    assert verdict.reason is None
    assert "real_correlation" not in verdict.numbers


@pytest.mark.parametrize(("width", "height"), [(30, 64), (31, 64), (36, 50), (72, 31)])
def test_mirrored_copies_are_found_whatever_the_shape_of_their_region(tmp_path: Path, width: int, height: int) -> None:
    layout = ABDOMEN.with_structures([PlacedStructure("abdomen", Box(48, 40, width, height))])
    image = np.random.default_rng(1).integers(0, 255, (80, 96), dtype=np.uint8)
    records = [Record(f"images/{i}.png", layout, f"p{i}", "scans", "train") for i in range(2)]
    dataset = DatasetFolder.write(tmp_path / "set", [(records[0], image), (records[1], fresh())])
    [sample] = planned(dataset, plan_of({"plane": "abdominal_transverse", "normal": True, "count": 1}))
    for record in dataset:
        copied = np.ascontiguousarray(dataset.image(record)[:, ::-1])
        verdict = judged(dataset, sample, copied)
        assert (verdict.reason, verdict.detail) == ("copy", f"of {record.file_name}")


def test_images_of_other_splits_are_no_copies_unless_they_are_sources(tmp_path: Path, sample: Candidate) -> None:
    held_out = abdomens(tmp_path / "other", split="test")
    vector = grey_vector(held_out.image(held_out[0]), draw_roi_mask(held_out[0].layout, REGISTRY))
    for splits, known in (({"train"}, (-1.0, "")), ({"test"}, (1.0, "images/0.png"))):
        assert RealRegions(held_out, splits, REGISTRY).most_alike([vector], "abdominal_transverse") == known


def test_near_copies_of_kept_images_of_the_plane_are_rejected(dataset: DatasetFolder, sample: Candidate) -> None:
    vector = judged(dataset, sample, fresh()).vector
    kept = [Kept(7, "abdominal_transverse", vector)]
    verdict = judged(dataset, sample, (fresh() // 2).astype(np.uint8), kept)
    assert (verdict.reason, verdict.detail) == ("duplicate", "of 000007")
    assert judged(dataset, sample, fresh(10), kept).reason is None
    assert judged(dataset, sample, fresh(), [Kept(7, "facial_sagittal", vector)]).reason is None
    assert judged(dataset, sample, fresh(), kept, duplicate_correlation=None).reason is None


def test_an_image_that_does_not_show_its_anomaly_is_rejected(dataset: DatasetFolder) -> None:
    entry = {"plane": "abdominal_transverse", "anomaly": "absent_stomach", "count": 1}
    [sample] = planned(dataset, plan_of(entry))
    seen = fresh()
    box = sample.before.find("stomach")[0].box
    x0, y0, x1, y1 = (round(side) for side in box.corners())
    seen[y0:y1, x0:x1] = 0
    verdict = judged(dataset, sample, seen)
    assert (verdict.reason, verdict.detail[:47]) == ("anomaly", "nothing filled with fluid where stomach was not")
    assert judged(dataset, sample, seen, anomaly=False).reason is None
    gone = judged(dataset, sample, fresh())
    assert gone.reason is None
    assert gone.numbers["nothing_filled_with_fluid_where_stomach_was"] < 0.3
