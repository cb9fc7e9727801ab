from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from augment_helpers import HEADS, plan_of, planned

from fetalflex.augment.progress import Finished, Progress, Rejection
from fetalflex.augment.shard_files import (
    Shard,
    clear_remains,
    divided,
    is_whole,
    read_shard,
    seconds_of,
    write_shard,
)
from fetalflex.data import DatasetFolder
from other_processes import leave_file, leave_folder


@pytest.fixture
def shard(heads: DatasetFolder) -> Shard:
    [shard] = divided(planned(heads, plan_of(HEADS | {"normal": True, "count": 3})), 8)
    return shard


def progress_of(shard: Shard) -> list[Progress]:
    """Return two images, one after a rejection, and a sample that failed."""
    progress = [Progress(sample, 4) for sample in shard.samples]
    vector = np.zeros(4096, np.float32)
    progress[1].reject("flat", "standard deviation 1")
    progress[2].reject("empty", "mean grey 0")
    for one in progress[:2]:
        one.finished = Finished(f"png {one.sample.number}".encode(), 5, "a prompt", {"grey": 7.5}, vector)
    return progress


def test_samples_are_divided_by_entry_and_size(heads: DatasetFolder) -> None:
    plan = plan_of(HEADS | {"normal": True, "count": 7}, HEADS | {"normal": True, "count": 2})
    shards = divided(planned(heads, plan), 3)
    assert [[sample.number for sample in shard.samples] for shard in shards] == [[1, 2, 3], [4, 5, 6], [7], [8, 9]]
    assert [shard.folder for shard in shards[:2]] == ["shards/00000", "shards/00001"]


def test_what_is_written_is_read_back(tmp_path: Path, shard: Shard) -> None:
    write_shard(tmp_path, shard, progress_of(shard), 2, 1.5)
    content = read_shard(tmp_path, shard)
    assert content is not None
    assert content.round == 2
    first, second, third = content.lines
    assert (first["number"], first["attempt"], first["rejected"], first["checks"]) == (1, 1, [], {"grey": 7.5})
    rejected = {"reason": "flat", "detail": "standard deviation 1", "source": shard.samples[1].record.file_name}
    assert (second["attempt"], second["candidate"], second["rejected"]) == (2, 0, [rejected])
    assert "seed" not in third
    assert Rejection(**third["rejected"][0]) == Rejection("empty", "mean grey 0", shard.samples[2].record.file_name)
    assert is_whole(tmp_path, shard)
    assert seconds_of(tmp_path, shard) == 1.5
    assert len(list((tmp_path / shard.folder).iterdir())) == 5


def test_an_older_shard_is_replaced(tmp_path: Path, shard: Shard) -> None:
    write_shard(tmp_path, shard, progress_of(shard), 0, 1)
    later = progress_of(shard)
    later[0].reject("duplicate", "of 000009")
    write_shard(tmp_path, shard, later, 1, 2)
    content = read_shard(tmp_path, shard)
    assert content is not None
    assert content.round == 1
    assert not (tmp_path / shard.folder / shard.samples[0].file).exists()
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
    write_shard(tmp_path, shard, progress_of(shard), 0, 1)
    for folder in ("shards", "rounds"):
        leave_folder(tmp_path / folder)
    leave_file(tmp_path)
    (tmp_path / "annotations.json").touch()
    clear_remains(tmp_path, [shard])
    assert is_whole(tmp_path, shard)
    assert (tmp_path / "annotations.json").exists()
    (tmp_path / "rounds").rmdir()  # empty now
    damage(tmp_path / shard.folder / (shard.samples[0].file if name == "png" else name))
    assert not is_whole(tmp_path, shard)
    clear_remains(tmp_path, [shard])
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["shards"]


def test_a_shard_of_other_samples_is_none_of_these(tmp_path: Path, shard: Shard) -> None:
    write_shard(tmp_path, shard, progress_of(shard), 0, 1)
    assert read_shard(tmp_path, Shard(0, shard.samples[:2])) is None
    (tmp_path / shard.folder / "timing.json").write_text("{}")
    assert seconds_of(tmp_path, shard) == 0
    assert is_whole(tmp_path, shard)
