from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from augment_helpers import ABDOMEN, HEADS, abdomens, plan_of, planned

from fetalflex.anatomy import default_registry, draw_organ_mask
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError

ABDOMINAL = {"plane": "abdominal_transverse"}


def test_every_source_comes_equally_often_from_the_split_that_is_named(heads: DatasetFolder) -> None:
    samples = planned(heads, plan_of(HEADS | {"normal": True, "count": 30}))
    assert [sample.number for sample in samples] == list(range(1, 31))
    assert {sample.record.split for sample in samples} == {"val"}
    counts = Counter(sample.record.file_name for sample in samples)
    assert len(counts) == len(heads.subset(split="val")) == 12
    assert set(counts.values()) == {2, 3}
    rounds = [[sample.record.file_name for sample in samples[start : start + 12]] for start in (0, 12)]
    assert rounds[0] != rounds[1]
    assert sorted(rounds[0]) == sorted(rounds[1])


def test_training_images_are_the_sources_unless_said_otherwise(heads: DatasetFolder) -> None:
    plan = plan_of({"plane": "thalamic_transverse", "normal": True, "count": 8})
    assert {sample.record.split for sample in planned(heads, plan)} == {"train"}


def test_severities_come_equally_often_and_not_tied_to_sources(heads: DatasetFolder) -> None:
    entry = HEADS | {"anomaly": "microcephaly", "severity": ["moderate", "severe"], "count": 48}
    samples = planned(heads, plan_of(entry))
    assert Counter(sample.labels["severity"] for sample in samples) == {"moderate": 24, "severe": 24}
    both = {(sample.record.file_name, sample.labels["severity"]) for sample in samples}
    assert len(both) > 18
    assert {tuple(sample.labels.values())[:2] for sample in samples} == {("abnormal", "microcephaly")}


def test_the_same_plan_gives_the_same_samples_and_another_seed_others(heads: DatasetFolder) -> None:
    entry = HEADS | {"anomaly": "displacement", "count": 10}
    assert planned(heads, plan_of(entry)) == planned(heads, plan_of(entry))
    assert planned(heads, plan_of(entry)) != planned(heads, plan_of(entry, seed=1))


def test_a_source_on_which_an_anomaly_is_impossible_is_passed_over(tmp_path: Path) -> None:
    dataset = abdomens(tmp_path / "set")
    samples = planned(dataset, plan_of(ABDOMINAL | {"anomaly": "absent_stomach", "count": 8}))
    assert {sample.record.file_name for sample in samples} == {f"images/{number}.png" for number in range(3)}
    assert all(not sample.after.find("stomach") for sample in samples)


def test_an_anomaly_without_any_source_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    dataset = abdomens(tmp_path / "set", 1)
    message = (
        r"entries\.1 \(abdominal_transverse, absent stomach\): none of the 1 sources in split train will do for "
        r"absent; of the last, images/0\.png: absent_stomach needs stomach"
    )
    with pytest.raises(FetalFlexError, match=message):
        planned(
            dataset,
            plan_of(ABDOMINAL | {"normal": True, "count": 1}, ABDOMINAL | {"anomaly": "absent stomach", "count": 1}),
        )


def test_layouts_of_normal_images_stay_or_vary(heads: DatasetFolder) -> None:
    entry = HEADS | {"normal": True, "count": 6}
    assert all(sample.after == sample.before for sample in planned(heads, plan_of(entry)))
    registry = default_registry()
    varied = planned(heads, plan_of(entry | {"variation": {"shift": 0.02, "scale": 0.05}}))
    assert all(sample.after != sample.before for sample in varied)
    assert all(sample.recipe.apply(sample.before, registry) == sample.after for sample in varied)
    assert all(sample.after.find("skull") == sample.before.find("skull") for sample in varied)
    assert len({sample.after for sample in varied}) == 6


def test_synthetic_images_are_no_sources(tmp_path: Path) -> None:
    dataset = abdomens(tmp_path / "set", 3)
    items = [(replace(record, extra={"synthetic": record is dataset[0]}), dataset.image(record)) for record in dataset]
    mixed = DatasetFolder.write(tmp_path / "mixed", items)
    samples = planned(mixed, plan_of(ABDOMINAL | {"normal": True, "count": 4}))
    assert {sample.record.file_name for sample in samples} == {"images/1.png", "images/2.png"}


def test_images_without_a_split_are_no_sources_and_the_remedy_is_told(tmp_path: Path) -> None:
    dataset = abdomens(tmp_path / "set", 2)
    items = [(replace(record, split=None), dataset.image(record)) for record in dataset]
    loose = DatasetFolder.write(tmp_path / "loose", items)
    message = "in split train; it has 2 in no split; `fetalflex prepare` divides a data set into splits$"
    with pytest.raises(FetalFlexError, match=message):
        planned(loose, plan_of(ABDOMINAL | {"normal": True, "count": 1}))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"plane": "elbow", "normal": True}, r"entries\.0 \(elbow, normal\): unknown plane 'elbow'"),
        (ABDOMINAL | {"anomaly": "atresia"}, "unknown anomaly 'atresia'"),
        (ABDOMINAL | {"anomaly": "cleft palate"}, "cleft_palate shows on facial_sagittal only"),
        (ABDOMINAL | {"anomaly": "duodenal_atresia", "severity": ["mild"]}, "no severity 'mild'; it has stenosis"),
        (ABDOMINAL | {"normal": True, "split": "val"}, "in split val; it has 4 in train. Name another split"),
        ({"plane": "facial_sagittal", "normal": True}, "no annotated image of facial_sagittal .* it has none at all$"),
        (ABDOMINAL | {"anomaly": "displacement", "structure": "skull"}, "displacement needs skull"),
        (ABDOMINAL | {"anomaly": "absent_stomach", "structure": "stomach"}, "absent_stomach is not for any structure"),
        (
            ABDOMINAL | {"normal": True, "refine": {"organs": ["thalami"]}},
            r"refine: the layout holds none of what is to be worked out \(thalami\)",
        ),
        (ABDOMINAL | {"normal": True, "refine": {"organs": ["tail"]}}, "unknown structure 'tail'"),
    ],
)
def test_what_does_not_fit_the_data_is_told_with_its_entry(tmp_path: Path, entry: dict, message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        planned(abdomens(tmp_path / "set"), plan_of(entry | {"count": 1}))


def test_settings_that_contradict_each_other_only_together_are_told(heads: DatasetFolder) -> None:
    entry = HEADS | {"normal": True, "count": 1, "sampling": {"eta": 1.0}}
    with pytest.raises(FetalFlexError, match=r"entries\.0\.sampling: .*eta"):
        planned(heads, plan_of(entry, sampling={"sampler": "unipc"}))


def test_organs_are_those_of_the_anomaly_or_those_named(tmp_path: Path) -> None:
    dataset, registry = abdomens(tmp_path / "set", 3), default_registry()
    atresia = ABDOMINAL | {"anomaly": "duodenal_atresia", "count": 1}
    [plain], [own], [named] = (
        planned(dataset, plan_of(atresia | extra))
        for extra in ({}, {"refine": {}}, {"refine": {"organs": ["umbilical vein"]}})
    )
    assert (plain.organs, own.organs, named.organs) == ((), ("stomach", "duodenum"), ("umbilical_vein",))
    mask, vein = own.organ_mask(registry, 0.02), named.organ_mask(registry, 0.0)
    assert mask[55, 43]
    assert mask.shape == vein.shape == (ABDOMEN.height, ABDOMEN.width)
    assert np.array_equal(vein, draw_organ_mask(ABDOMEN, registry, ["umbilical_vein"], 0.0))
    assert vein[32:40, 22:38].all()  # all pixels that the box touches
    assert 16 * 8 < vein.sum() < 1.25 * 16 * 8  # and no more than it takes to hold the box in a round shape


def test_planning_takes_milliseconds_per_sample(heads: DatasetFolder) -> None:
    started = time.monotonic()
    planned(heads, plan_of(HEADS | {"normal": True, "count": 2000}))
    assert time.monotonic() - started < 10
