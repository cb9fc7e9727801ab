from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from augment_helpers import planned, small_plan

from fetalflex.anatomy import default_registry
from fetalflex.augment.manifest import check_folder, manifest_of, write_manifest
from fetalflex.augment.plan import Plan
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError


def manifest(dataset: DatasetFolder, plan: Plan | None = None, model: str = "tiny-0") -> dict[str, Any]:
    plan = plan or small_plan()
    return manifest_of(dataset, plan, planned(dataset, plan), model, default_registry())


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
    assert Plan.model_validate(values["plan"]) == small_plan()


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
    samples = planned(heads, plan)
    variant = samples[-1].variant
    assert variant is not None
    other = [*samples[:-1], replace(samples[-1], variant=replace(variant, prompt_words=("tiny head",)))]
    first, second = (manifest_of(heads, plan, one, "tiny-0", default_registry()) for one in (samples, other))
    assert first["samples_digest"] != second["samples_digest"]


def test_what_stopped_before_its_first_shard_binds_nobody(heads: DatasetFolder, tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest(heads))
    other = manifest(heads, small_plan(seed=5))
    check_folder(tmp_path, other)
    write_manifest(tmp_path, other)
    assert json.loads((tmp_path / "manifest.json").read_text()) == other


def test_other_folders_are_left_alone(heads: DatasetFolder, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(FetalFlexError, match=r"is not empty and holds no manifest\.json; give a new folder"):
        check_folder(tmp_path, manifest(heads))
    with pytest.raises(FetalFlexError, match=r"thesis\.txt is a file; give a folder"):
        check_folder(tmp_path / "thesis.txt", manifest(heads))
    begun(tmp_path / "out", {})
    (tmp_path / "out" / "manifest.json").write_text("{")
    with pytest.raises(FetalFlexError, match="not valid JSON"):
        check_folder(tmp_path / "out", manifest(heads))
