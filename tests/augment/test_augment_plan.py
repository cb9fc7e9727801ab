from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from fetalflex.anatomy import default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.augment.plan import Plan, load_plan
from fetalflex.errors import FetalFlexError

PLANS = Path(__file__).parents[2] / "configs" / "augment"
NORMAL = {"plane": "abdominal_transverse", "normal": True, "count": 2}
ATRESIA = {"plane": "abdominal_transverse", "anomaly": "duodenal_atresia", "count": 2}


def load(folder: Path, values: Any) -> Plan:
    (folder / "plan.yaml").write_text(yaml.safe_dump(values))
    return load_plan(folder / "plan.yaml")


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_example_plans_name_what_there_is(path: Path) -> None:
    plan, registry, library = load_plan(path), default_registry(), default_library()
    for entry in plan.entries:
        plane = registry.plane(entry.plane).name
        if entry.anomaly:
            anomaly = library.anomaly(entry.anomaly)
            assert plane in anomaly.planes
            assert {anomaly.severity(name).name for name in entry.severity} == set(entry.severity)


def test_the_balanced_plan_is_balanced() -> None:
    counts: dict[tuple[str, bool], int] = {}
    for entry in load_plan(PLANS / "balanced.yaml").entries:
        counts[entry.plane, entry.normal] = counts.get((entry.plane, entry.normal), 0) + entry.count
        assert entry.split == "train"
    assert len(counts) == 8
    assert set(counts.values()) == {200}


def test_what_is_left_out_has_a_default(tmp_path: Path) -> None:
    plan = load(tmp_path, {"entries": [NORMAL, ATRESIA]})
    assert (plan.seed, plan.count, plan.entries[0].split, plan.entries[1].severity) == (0, 4, "train", ())
    settings = plan.sampling.settings()
    assert (settings.sampler, settings.steps, settings.guidance.layout, settings.smoothing) == ("ddim", 20, 1.5, None)


def test_one_severity_may_stand_without_a_list(tmp_path: Path) -> None:
    plan = load(tmp_path, {"entries": [ATRESIA | {"severity": "stenosis"}, ATRESIA | {"severity": ["atresia"]}]})
    assert [entry.severity for entry in plan.entries] == [("stenosis",), ("atresia",)]


def test_an_entry_changes_only_what_it_names(tmp_path: Path) -> None:
    own = NORMAL | {"sampling": {"steps": 7, "ssa": True}}
    plan = load(tmp_path, {"sampling": {"sampler": "unipc", "steps": 9}, "entries": [NORMAL, own]})
    first, second = (plan.sampling_of(entry).settings() for entry in plan.entries)
    assert (first.sampler, first.steps, first.smoothing) == ("unipc", 9, None)
    assert (second.sampler, second.steps) == ("unipc", 7)
    assert second.smoothing is not None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([1], "must hold the fields entries, seed, shard_size, sampling, checks, got a list of 1 items"),
        ({}, "entries: Field required"),
        ({"entries": []}, "entries holds nothing; give at least one entry$"),
        ({"entries": [NORMAL | {"count": "2"}]}, r"entries\.0\.count: Input should be a valid integer \(got '2'\)$"),
        ({"entries": NORMAL}, r"entries: Input should be a list \(got a dict of 3 items\)$"),
        ({"entries": "x" * 100_000}, "entries: Input should be a list .{0,80}$"),
        ({"entries": [NORMAL], "sede": 1}, "unknown field 'sede'; allowed are .* Did you mean seed"),
        ({"entries": [NORMAL], "seed": "1"}, r"seed: .*valid integer \(got '1'\)"),
        ({"entries": [NORMAL], "shard_size": 0}, r"shard_size: .*greater than or equal to 1 \(got 0\)"),
        ({"entries": [NORMAL | {"count": 0}]}, r"entries.0.count: .*\(got 0\)"),
        ({"entries": [NORMAL | {"count": True}]}, r"entries.0.count: .*valid integer \(got True\)"),
        ({"entries": [NORMAL, NORMAL | {"plan": "x"}]}, "entries.1: unknown field 'plan'; .* Did you mean plane"),
        ({"entries": [{"plane": "femur", "count": 1}]}, "entries.0: give one of normal: true and anomaly: NAME"),
        ({"entries": [NORMAL | {"anomaly": "x"}]}, "entries.0: give one of normal: true and anomaly: NAME"),
        ({"entries": [NORMAL | {"severity": "mild"}]}, "entries.0: severity is for an anomaly"),
        ({"entries": [ATRESIA | {"variation": {}}]}, "entries.0: variation is for normal images"),
        ({"entries": [NORMAL | {"refine": {}}]}, "entries.0: refine: .* give refine.organs"),
        ({"entries": [NORMAL | {"split": "tset"}]}, r"entries.0.split: .*'train', 'val' or 'test' \(got 'tset'\)"),
        ({"entries": [NORMAL], "sampling": {"sampler": "magic"}}, r"sampling.sampler: .*'unipc' \(got 'magic'\)"),
        ({"entries": [NORMAL], "sampling": {"sampler": "unipc", "eta": 1.0}}, "sampling: .*eta"),
        ({"entries": [NORMAL], "checks": {"attempts": 0}}, "checks.attempts: .*greater"),
        ({"entries": [NORMAL], "checks": {"copy_correlation": 1.5}}, r"checks.copy_correlation: .*less .*\(got 1.5\)"),
        ({"entries": [NORMAL | {"count": 10_000_000}, NORMAL]}, "the entries ask for 10,000,002 images; at most"),
    ],
)
def test_a_wrong_field_is_named_with_its_file(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(FetalFlexError, match=rf"plan\.yaml: .*{message}") as error:
        load(tmp_path, values)
    assert "\n" not in str(error.value)


def test_files_that_are_no_plan_are_told(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match=r"none\.yaml: cannot be read"):
        load_plan(tmp_path / "none.yaml")
    (tmp_path / "twice.yaml").write_text("seed: 1\nseed: 2\n")
    with pytest.raises(FetalFlexError, match=r"twice\.yaml: is not valid YAML at line 2.*'seed' stands twice"):
        load_plan(tmp_path / "twice.yaml")
