from __future__ import annotations

from pathlib import Path

import pytest
from augment_helpers import HEADS, made, plan_of, planned_images

from fetalflex.augment.estimate import estimate
from fetalflex.augment.plan import Plan
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.pipeline import FetalFlexPipeline


@pytest.fixture
def plan() -> Plan:
    slow = HEADS | {"normal": True, "count": 2, "sampling": {"steps": 8}}
    return plan_of(HEADS | {"normal": True, "count": 3}, slow, HEADS | {"normal": True, "count": 1}, shard_size=3)


def test_time_and_disk_follow_from_a_batch_of_each_kind(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path, plan: Plan
) -> None:
    images = planned_images(heads, plan)
    one, two = (estimate(heads, plan, tmp_path / "out", pipeline, images, processes=count) for count in (1, 2))
    assert (one.images, one.missing) == (6, 6)
    assert one.seconds == pytest.approx(6 * one.seconds_per_image)
    assert two.seconds == pytest.approx(3 * two.seconds_per_image)
    assert 6 * 2000 < one.bytes < 6 * 10_000
    assert not (tmp_path / "out").exists()


def test_what_is_there_needs_no_time(
    heads: DatasetFolder, pipeline: FetalFlexPipeline, tmp_path: Path, plan: Plan
) -> None:
    out = tmp_path / "out"
    made(heads, plan, out, pipeline)
    (out / "shards/00002/shard.json").unlink()
    left = estimate(heads, plan, out, pipeline, planned_images(heads, plan))
    assert (left.images, left.missing) == (6, 1)
    assert left.to_dict()["missing"] == 1
    other = plan.model_copy(update={"seed": 7})
    with pytest.raises(FetalFlexError, match=r"plan\.seed was 0, now 7"):
        estimate(heads, other, out, pipeline, planned_images(heads, other))
