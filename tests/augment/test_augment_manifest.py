from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from augment_helpers import HEADS, plan_of, planned_images, small_plan

from fetalflex.anatomy import default_registry
from fetalflex.augment.manifest import check_folder, manifest_of, write_manifest
from fetalflex.augment.plan import Plan
from fetalflex.augment.planned import PlannedImage
from fetalflex.augment.shards import read_rounds, write_round
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError
from other_processes import leave_file


def manifest(dataset: DatasetFolder, plan: Plan | None = None, model: str = "tiny-0") -> dict[str, Any]:
    plan = plan or small_plan()
    return manifest_of(dataset, plan, planned_images(dataset, plan), model, default_registry())


def begun(root: Path, values: dict[str, Any]) -> Path:
    write_manifest(root, values)
    (root / "shards" / "00000").mkdir(parents=True)
    (root / "shards" / "00000" / "shard.json").touch()
    return root


def test_it_holds_plan_model_data_and_versions(heads: DatasetFolder, tmp_path: Path) -> None:
    values = manifest(heads)
    write_manifest(tmp_path, values)
    assert json.loads((tmp_path / "manifest.json").read_text()) == values
    assert values["plan"]["entries"][1]["anomaly"] == "microcephaly"
    assert (values["model"], len(values["data_fingerprint"])) == ("tiny-0", 16)
    assert {"fetalflex", "torch", "python"} <= values["versions"].keys()
    plan, again = small_plan(), Plan.model_validate(values["plan"])
    assert again.model_copy(update={"entries": plan.entries}) == plan
    for first, second in zip(plan.entries, again.entries, strict=True):
        assert plan.sampling_of(first) == again.sampling_of(second)


def test_naming_a_default_that_the_plan_changes_makes_another_set(heads: DatasetFolder, tmp_path: Path) -> None:
    plans = [plan_of(HEADS | {"normal": True, "count": 1} | own) for own in ({}, {"sampling": {"steps": 20}})]
    assert [plan.sampling_of(plan.entries[0]).steps for plan in plans] == [1, 20]
    before, now = (manifest(heads, plan) for plan in plans)
    begun(tmp_path, before)
    with pytest.raises(FetalFlexError, match=r"plan\.entries\.0\.sampling\.steps was 1, now 20"):
        check_folder(tmp_path, now)


def test_a_large_manifest_is_read_back(heads: DatasetFolder, tmp_path: Path) -> None:
    values = manifest(heads) | {"plan": ["x" * 1000] * 11_000}
    begun(tmp_path, values)
    check_folder(tmp_path, values)


def test_the_same_set_goes_on_whatever_the_versions(heads: DatasetFolder, tmp_path: Path) -> None:
    values = manifest(heads)
    begun(tmp_path, values)
    check_folder(tmp_path, values | {"versions": {"torch": "9"}})
    write_manifest(tmp_path, values | {"versions": {"torch": "9"}})
    assert json.loads((tmp_path / "manifest.json").read_text()) == values


def test_another_set_is_refused_and_what_differs_named(heads: DatasetFolder, tmp_path: Path) -> None:
    root = begun(tmp_path / "out", manifest(heads))
    with pytest.raises(FetalFlexError, match=r"another set \(samples_digest was .*; plan\.seed was 0, now 5\)"):
        check_folder(root, manifest(heads, small_plan(seed=5)))
    with pytest.raises(FetalFlexError, match="model was 'tiny-0', now 'tiny-1'"):
        check_folder(root, manifest(heads, model="tiny-1"))
    fewer = heads.subset(split="val")
    with pytest.raises(FetalFlexError, match="data_fingerprint was"):
        check_folder(root, manifest(fewer))


def test_changed_anomalies_are_noticed(heads: DatasetFolder) -> None:
    plan = small_plan()
    images = planned_images(heads, plan)
    last = images[-1].first
    assert last.variant is not None
    changed = replace(last, variant=replace(last.variant, prompt_words=("tiny head",)))
    other = [*images[:-1], PlannedImage((changed, *images[-1].candidates[1:]))]
    first, second = (manifest_of(heads, plan, one, "tiny-0", default_registry()) for one in (images, other))
    assert first["samples_digest"] != second["samples_digest"]


def test_what_stopped_before_its_first_shard_binds_nobody(heads: DatasetFolder, tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(heads))
    other = manifest(heads, small_plan(seed=5))
    check_folder(tmp_path, other)
    write_manifest(tmp_path, other)
    assert json.loads((tmp_path / "manifest.json").read_text()) == other


def test_decisions_on_images_of_a_set_without_shards_are_forgotten(heads: DatasetFolder, tmp_path: Path) -> None:
    begun(tmp_path, manifest(heads))
    write_round(tmp_path, 1, {2: 1})
    write_manifest(tmp_path, manifest(heads))
    assert read_rounds(tmp_path) == [{2: 1}]
    shutil.rmtree(tmp_path / "shards")
    write_manifest(tmp_path, manifest(heads, small_plan(seed=5)))
    assert read_rounds(tmp_path) == []


def test_a_process_killed_while_it_wrote_the_manifest_is_no_hindrance(heads: DatasetFolder, tmp_path: Path) -> None:
    leave_file(tmp_path)
    check_folder(tmp_path, manifest(heads))
    (tmp_path / ".thesis.partial").touch()
    with pytest.raises(FetalFlexError, match="is not empty"):
        check_folder(tmp_path, manifest(heads))


def test_other_folders_are_left_alone(heads: DatasetFolder, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(FetalFlexError, match=r"is not empty \(thesis\.txt\) and is not an augmented data set"):
        check_folder(tmp_path, manifest(heads))
    with pytest.raises(FetalFlexError, match=r"thesis\.txt is a file; give a folder"):
        check_folder(tmp_path / "thesis.txt", manifest(heads))
    with pytest.raises(FetalFlexError, match=r"thesis\.txt is a file; give a folder"):
        check_folder(tmp_path / "thesis.txt" / "new" / "set", manifest(heads))
    begun(tmp_path / "out", {})
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(FetalFlexError, match="not valid JSON"):
        check_folder(tmp_path / "out", manifest(heads))
