from __future__ import annotations

import json
import tarfile
from dataclasses import replace

import pytest
from export_helpers import SCAN, export_records, files_in, pixels_of

from fetalflex.anatomy.layout import Layout
from fetalflex.data.image_files import decode_image


def records(count, split="train"):
    return [replace(SCAN, file_name=f"images/{number:02}.png", split=split) for number in range(count)]


def members(path):
    with tarfile.open(path) as archive:
        return archive.getmembers()


def shards_in(out):
    """Return the number of samples of each shard."""
    return {path.name: len(members(path)) // 2 for path in sorted(out.glob("*.tar"))}


def test_a_shard_holds_at_most_so_many_images(tmp_path):
    export_records(records(7), "webdataset", tmp_path / "out", shard_images=3)
    assert shards_in(tmp_path / "out") == {"train-000000.tar": 3, "train-000001.tar": 3, "train-000002.tar": 1}


@pytest.mark.parametrize("limit", [40_000, 61_440, 100_000])
def test_a_shard_has_at_most_so_many_bytes_and_is_filled(tmp_path, limit):
    long_names = [replace(record, file_name=f"{'x' * 90}{number}.png") for number, record in enumerate(records(12))]
    export_records(long_names, "webdataset", tmp_path / "out", shard_bytes=limit)
    sizes = [path.stat().st_size for path in sorted((tmp_path / "out").glob("*.tar"))]
    assert max(sizes) <= limit
    sample = 8192 + 512 + 1024 + 512 + 2048  # pixels that cannot be compressed, JSON, headers
    assert all(size > limit - sample - tarfile.RECORDSIZE for size in sizes[:-1])


def test_an_image_larger_than_a_shard_gets_one_of_its_own(tmp_path):
    export_records(records(3), "webdataset", tmp_path / "out", shard_bytes=1)
    assert list(shards_in(tmp_path / "out").values()) == [1, 1, 1]


def test_each_split_has_shards_of_its_own(tmp_path):
    mixed = [
        replace(record, split=split) for record, split in zip(records(4), ["val", None, "train", "val"], strict=True)
    ]
    export_records(mixed, "webdataset", tmp_path / "out")
    assert shards_in(tmp_path / "out") == {"train-000000.tar": 1, "unsplit-000000.tar": 1, "val-000000.tar": 2}


def test_a_sample_is_an_image_and_its_layout_with_neither_owner_nor_time(tmp_path):
    export_records([replace(SCAN, file_name="a.b/scan.v2.jpg")], "webdataset", tmp_path / "out")
    image, text = members(tmp_path / "out" / "train-000000.tar")
    assert (image.name, text.name) == ("scan_v2.png", "scan_v2.json")
    assert {(one.mtime, one.uid, one.gid, one.uname, one.gname, one.type) for one in (image, text)} == {
        (0, 0, 0, "", "", tarfile.REGTYPE)
    }
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as archive:
        pixels = decode_image(archive.extractfile(image).read(), "x")
        content = json.load(archive.extractfile(text))
    assert (pixels == pixels_of(replace(SCAN, file_name="a.b/scan.v2.jpg"))).all()
    assert Layout.from_dict(content["layout"]) == SCAN.layout
    assert content["record"] == {
        **{"file_name": "a.b/scan.v2.jpg", "patient": "p1", "source": "ours", "split": "train", "quality": 3},
        **{"class": "normal", "license": 1},
    }


def test_the_index_is_that_of_indexed_readers(tmp_path):
    export_records(records(3), "webdataset", tmp_path / "out", shard_images=2)
    files = files_in(tmp_path / "out")
    assert json.loads(files["shards.json"]) == {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "shardlist": [
            {"url": "train-000000.tar", "nsamples": 2, "filesize": len(files["train-000000.tar"])},
            {"url": "train-000001.tar", "nsamples": 1, "filesize": len(files["train-000001.tar"])},
        ],
    }
