from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from augment_helpers import HEADS, plan_of, planned_images

from fetalflex.augment.outcomes import Attempts, Finished, Outcome, Rejection
from fetalflex.augment.shards import (
    Shard,
    clear_remains,
    is_whole,
    read_shard,
    seconds_of,
    split_into_shards,
    write_shard,
)
from fetalflex.data import DatasetFolder
from other_processes import leave_file, leave_folder


@pytest.fixture
def shard(heads: DatasetFolder) -> Shard:
    [shard] = split_into_shards(planned_images(heads, plan_of(HEADS | {"normal": True, "count": 3})), 8)
    return shard


def attempts_of(shard: Shard) -> list[Attempts]:
    """Return two images, one after a rejection, and one that failed."""
    attempts = [Attempts(image, 4) for image in shard.images]
    vector = np.zeros(4096, np.float32)
    attempts[1].reject("flat", "standard deviation 1")
    attempts[2].reject("empty", "mean grey 0")
    for one in attempts[:2]:
        one.finished = Finished(f"png {one.image.number}".encode(), 5, "a prompt", {"grey": 7.5}, vector)
    return attempts


def test_images_are_divided_by_entry_and_size(heads: DatasetFolder) -> None:
    plan = plan_of(HEADS | {"normal": True, "count": 7}, HEADS | {"normal": True, "count": 2})
    shards = split_into_shards(planned_images(heads, plan), 3)
    assert [[image.number for image in shard.images] for shard in shards] == [[1, 2, 3], [4, 5, 6], [7], [8, 9]]
    assert [shard.folder for shard in shards[:2]] == ["shards/00000", "shards/00001"]


def test_what_is_written_is_read_back(tmp_path: Path, shard: Shard) -> None:
    write_shard(tmp_path, shard, attempts_of(shard), 2, 1.5)
    content = read_shard(tmp_path, shard)
    assert content is not None
    assert content.round == 2
    assert content.outcomes == tuple(one.outcome() for one in attempts_of(shard))
    first, second, third = content.outcomes
    assert first.made is not None
    assert (first.image.number, first.made.attempt, first.rejected, first.made.checks) == (1, 1, (), {"grey": 7.5})
    assert second.made is not None
    assert (second.made.attempt, second.made.candidate) == (2, 0)
    assert second.rejected == (Rejection("flat", "standard deviation 1", shard.images[1].first.record.file_name),)
    assert third.made is None
    assert is_whole(tmp_path, shard)
    assert seconds_of(tmp_path, shard) == 1.5
    assert len(list((tmp_path / shard.folder).iterdir())) == 5


def test_values_of_another_image_or_of_a_candidate_that_there_is_not_are_refused(shard: Shard) -> None:
    values = attempts_of(shard)[0].outcome().to_dict()
    for changes in ({"number": 2}, {"candidate": 9}):
        with pytest.raises(ValueError, match="image 1"):
            Outcome.from_dict(shard.images[0], values | changes)


def test_an_older_shard_is_replaced(tmp_path: Path, shard: Shard) -> None:
    write_shard(tmp_path, shard, attempts_of(shard), 0, 1)
    later = attempts_of(shard)
    later[0].reject("duplicate", "of 000009")
    write_shard(tmp_path, shard, later, 1, 2)
    content = read_shard(tmp_path, shard)
    assert content is not None
    assert content.round == 1
    assert not (tmp_path / shard.folder / shard.images[0].file).exists()
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["00000"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def change(path: Path) -> None:
    data = json.loads(path.read_text())
    data["samples"][0]["seed"] = 6
    path.write_text(json.dumps(data))


@pytest.mark.parametrize(
    ("name", "damage"),
    [("shard.json", cut), ("shard.json", change), ("shard.json", Path.unlink), ("png", cut), ("png", Path.unlink)],
)
def test_damaged_shards_and_remains_are_cleared(
    tmp_path: Path, shard: Shard, name: str, damage: Callable[[Path], None]
) -> None:
    write_shard(tmp_path, shard, attempts_of(shard), 0, 1)
    for folder in ("shards", "rounds"):
        leave_folder(tmp_path / folder)
    leave_file(tmp_path)
    (tmp_path / "annotations.json").touch()
    clear_remains(tmp_path, [shard])
    assert is_whole(tmp_path, shard)
    assert (tmp_path / "annotations.json").exists()
    (tmp_path / "rounds").rmdir()  # empty now
    damage(tmp_path / shard.folder / (shard.images[0].file if name == "png" else name))
    assert not is_whole(tmp_path, shard)
    clear_remains(tmp_path, [shard])
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["shards"]


def test_a_shard_of_other_images_is_none_of_these(tmp_path: Path, shard: Shard) -> None:
    write_shard(tmp_path, shard, attempts_of(shard), 0, 1)
    assert read_shard(tmp_path, Shard(0, shard.images[:2])) is None
    (tmp_path / shard.folder / "timing.json").write_text("{}")
    assert seconds_of(tmp_path, shard) == 0
    assert is_whole(tmp_path, shard)
