"""Plans, data sets and runs for the tests of labelled data sets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.augment import Plan, PlannedImage, Report, augment, plan_images
from fetalflex.augment.planned import Candidate
from fetalflex.data import Dataset, DatasetFolder, Record
from fetalflex.pipeline.pipeline import FetalFlexPipeline

HEADS = {"plane": "thalamic_transverse", "split": "val"}
NOT_CHECKED = {"layout": False, "anomaly": False, "least_grey": 0, "least_contrast": 0, "copy_correlation": None}
"""Checks that images of a model with random weights pass; near-copies among them still count."""

ABDOMEN = Layout(
    "abdominal_transverse",
    96,
    80,
    (
        PlacedStructure("abdomen", Box(48, 40, 72, 64)),
        PlacedStructure("stomach", Box(43, 55, 18, 12)),
        PlacedStructure("umbilical_vein", Box(30, 36, 16, 7)),
        PlacedStructure("spine", Box(72, 41, 13, 13)),
    ),
)


def abdomens(root: Path, count: int = 4, split: str = "train") -> DatasetFolder:
    """Write a data set of abdomens full of noise, the last without a stomach."""
    rng = np.random.default_rng(3)
    bare = ABDOMEN.with_structures(item for item in ABDOMEN.structures if item.name != "stomach")
    layouts = [ABDOMEN] * (count - 1) + [bare]
    records = [Record(f"images/{i}.png", layout, f"p{i}", "scans", split) for i, layout in enumerate(layouts)]
    records[0] = replace(records[0], patient=None)
    items = [(record, rng.integers(0, 255, (80, 96), dtype=np.uint8)) for record in records]
    return DatasetFolder.write(root, items)


def plan_of(*entries: dict[str, Any], **changes: Any) -> Plan:
    values: dict[str, Any] = {"sampling": {"steps": 1}, "checks": NOT_CHECKED, "shard_size": 3} | changes
    return Plan.model_validate(values | {"entries": list(entries)})


def planned_images(dataset: Dataset, plan: Plan) -> list[PlannedImage]:
    return plan_images(dataset, plan, default_registry(), default_library())


def planned(dataset: Dataset, plan: Plan) -> list[Candidate]:
    """Return the first candidate of each image."""
    return [image.first for image in planned_images(dataset, plan)]


def small_plan(**changes: Any) -> Plan:
    """Return a plan of seven heads in three shards."""
    return plan_of(
        HEADS | {"normal": True, "count": 4},
        HEADS | {"anomaly": "microcephaly", "severity": "severe", "count": 3},
        **changes,
    )


def made(dataset: Dataset, plan: Plan, out: Path, pipeline: FetalFlexPipeline, **options: Any) -> Report:
    return augment(dataset, plan, out, pipeline, **options)


def contents(root: Path) -> dict[str, bytes]:
    """Return all files of a set but those that hold times."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in files
        if path.name != "timing.json" and not path.name.startswith("report.")
    }
