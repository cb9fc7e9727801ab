from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
from dataclasses import replace

import numpy as np
import pytest
from export_helpers import SCAN, export_records, pixels_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.image_files import encode_png
from fetalflex.data.opening import open_dataset
from fetalflex.data.shards import ShardedDataset, read_shards, sample_json
from fetalflex.errors import FetalFlexError

OTHER = replace(SCAN, file_name="images/other.png", split="val")


@pytest.fixture
def folder(tmp_path):
    export_records([SCAN, OTHER], "webdataset", tmp_path / "shards")
    return tmp_path / "shards"


def member(name, content=b"", kind=tarfile.REGTYPE, link="", size=None, headers=None):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(content) if size is None else size, kind, link
    info.pax_headers = headers or {}
    return info, content


def shard_of(path, *members):
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return path


def good(key="a", record=SCAN):
    return [member(f"{key}.png", encode_png(pixels_of(record))), member(f"{key}.json", sample_json(record))]


class TestReading:
    def test_a_folder_opens_as_a_data_set(self, folder):
        dataset = open_dataset(folder)
        assert isinstance(dataset, ShardedDataset)
        assert list(dataset) == [SCAN, OTHER]
        val = dataset.subset(split="val")
        assert list(val) == [OTHER]
        assert np.array_equal(val.image(val[0]), pixels_of(OTHER))

    def test_a_single_shard_opens_too(self, folder):
        assert list(open_dataset(folder / "val-000000.tar")) == [OTHER]

    def test_shards_are_streamed(self, folder):
        for (record, pixels), expected in zip(read_shards(folder), [SCAN, OTHER], strict=True):
            assert record == expected
            assert np.array_equal(pixels, pixels_of(expected))

    def test_they_become_a_data_set_folder_again(self, folder, tmp_path):
        again = DatasetFolder.write(tmp_path / "again", read_shards(folder))
        assert {record.file_name for record in again} == {SCAN.file_name, OTHER.file_name}

    def test_what_other_tools_add_does_not_matter(self, tmp_path):
        image, text = good()
        path = shard_of(
            tmp_path / "x.tar",
            member("./", kind=tarfile.DIRTYPE),
            member("deep/a.cls", b"3"),
            (replace_name(text[0], "deep/a.json"), text[1]),
            (replace_name(image[0], "deep/a.PNG"), image[1]),
            member("deep/a.seg.png", b"whatever"),
        )
        ((record, pixels),) = read_shards(path)
        assert record == SCAN
        assert np.array_equal(pixels, pixels_of(SCAN))


def replace_name(info, name):
    info.name = name
    return info


class TestDistrust:
    def refused(self, path, message):
        with pytest.raises(FetalFlexError, match=message) as caught:
            ShardedDataset(path)
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("name", ["../../a", "/etc/a", "C:\\a", "dir\\a", "a b\n", "名", "x" * 300])
    def test_names_in_a_shard_are_labels_not_paths(self, tmp_path, name):
        (tmp_path / "in").mkdir()
        path = shard_of(tmp_path / "in" / "x.tar", *good(name))
        before = sorted(tmp_path.rglob("*"))
        assert [record for record, _ in read_shards(path)] == [SCAN]
        assert sorted(tmp_path.rglob("*")) == before

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
    def test_links_and_devices_are_refused(self, tmp_path, kind):
        path = shard_of(tmp_path / "x.tar", member("a.png", kind=kind, link="/etc/passwd"), good()[1])
        self.refused(path, "'a.png' is no plain file")

    def test_a_file_name_that_leads_out_is_refused(self, tmp_path):
        text = json.loads(sample_json(SCAN))
        text["record"]["file_name"] = "../../a.png"
        path = shard_of(tmp_path / "x.tar", good()[0], member("a.json", json.dumps(text).encode()))
        self.refused(path, "leads out")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"format": "x"}, "has the format 'x'"),
            ({"version": 2}, "version 2"),
            ({"more": 1}, "unknown key 'more'"),
            ({"record": []}, "record is a list"),
            ({"record": {}}, "file_name must be a text"),
            ({"record": {"file_name": "a.png", "split": "x"}}, "split 'x'"),
            ({"layout": []}, "layout must be"),
            ({"layout": {**SCAN.layout.to_dict(), "plane": "elbow"}}, "unknown plane 'elbow'"),
        ],
    )
    def test_json_that_is_no_sample_is_told(self, tmp_path, change, message):
        text = {**json.loads(sample_json(SCAN)), **change}
        path = shard_of(tmp_path / "x.tar", good()[0], member("a.json", json.dumps(text).encode()))
        self.refused(path, message)

    @pytest.mark.parametrize(
        ("members", "message"),
        [
            ([good()[0]], "the sample 'a' has no json file"),
            ([good()[1]], "the sample 'a' has no png file"),
            ([*good("a"), good("b")[0]], "the sample 'b' has no json"),
            ([good("a")[0], good("b")[0], good("a")[1]], "the sample 'a' has no json"),
            ([*good(), good()[0]], r"a\.png is there twice"),
            ([*good("a"), *good("b")], r"x\.tar: b: the file name images/scan\.png is used twice"),
            ([member("readme", b"x")], "'readme' is no file of a sample"),
            ([member(".png", b"x")], "is no file of a sample"),
            ([good()[0], member("a.json", b"{")], "not valid JSON"),
        ],
    )
    def test_files_that_make_no_sample_are_told(self, tmp_path, members, message):
        self.refused(shard_of(tmp_path / "x.tar", *members), message)

    def test_a_file_that_is_too_large_is_not_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr("fetalflex.data.shards.MAX_JSON_BYTES", 100)
        self.refused(shard_of(tmp_path / "x.tar", *good()), r"a\.json has [\d,]+ bytes; at most 100")

    @pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
    @pytest.mark.parametrize("size", [2**33 - 1, 2**62])
    def test_a_header_that_claims_to_be_huge_costs_no_memory(self, tmp_path, kind, size):
        info, _ = member("a.png", size=size, kind=kind)
        (tmp_path / "x.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
        self.refused(tmp_path / "x.tar", "is no readable shard: a part of it claims")

    def test_a_file_that_claims_to_be_huge_costs_no_memory(self, tmp_path):
        info, _ = member("a.png", size=2**62)
        (tmp_path / "x.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(10_240))
        self.refused(tmp_path / "x.tar", r"x\.tar")

    def test_sparse_files_are_refused(self, tmp_path):
        sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99999999999"}
        path = shard_of(tmp_path / "x.tar", member("a.png", b"1\n0\n512\n" + bytes(600), headers=sparse))
        self.refused(path, "no plain file")

    def test_compressed_archives_are_refused(self, tmp_path):
        (tmp_path / "x.tar").write_bytes(gzip.compress(bytes(100_000)))
        self.refused(tmp_path / "x.tar", "no readable shard")

    def test_an_image_that_is_damaged_or_of_another_size_is_told_when_it_is_read(self, tmp_path):
        small = encode_png(np.zeros((4, 4), np.uint8))
        for content, message in ((small, "4 x 4 pixels"), (b"x", r"a\.png is no readable image"), (b"", "image")):
            dataset = ShardedDataset(shard_of(tmp_path / "x.tar", member("a.png", content), good()[1]))
            with pytest.raises(FetalFlexError, match=message):
                dataset.image(dataset[0])


class TestDamage:
    def test_a_shard_that_is_cut_off_is_told_wherever_it_is_cut(self, tmp_path):
        path = shard_of(tmp_path / "x.tar", *good())
        content = path.read_bytes()
        used = len(content.rstrip(b"\0"))
        for length in [0, 1, 511, 512, 513, 1024, *range(1500, used, 997), used, -(-used // 512) * 512]:
            path.write_bytes(content[:length])
            with pytest.raises(FetalFlexError, match=r"x\.tar"):
                ShardedDataset(path)

    def test_a_shard_whose_middle_is_damaged_is_told(self, tmp_path):
        path = shard_of(tmp_path / "x.tar", *good(), *good("b", OTHER))
        content = bytearray(path.read_bytes())
        second = content.index(b"b.png")
        content[second : second + 512] = b"\1" * 512
        path.write_bytes(content)
        with pytest.raises(FetalFlexError, match=r"damaged: the archive breaks off after [\d,]+ bytes"):
            ShardedDataset(path)

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(position=st.integers(0, 1600), junk=st.binary(min_size=1, max_size=9), from_end=st.booleans())
    def test_any_damage_is_one_clear_error_or_none(self, tmp_path, position, junk, from_end):
        if not (tmp_path / "sound.tar").exists():
            shard_of(tmp_path / "sound.tar", *reversed(good()))
        content = bytearray((tmp_path / "sound.tar").read_bytes())
        start = max(0, len(content.rstrip(b"\0")) - position) if from_end else position
        content[start : start + len(junk)] = junk
        (tmp_path / "x.tar").write_bytes(content)
        with contextlib.suppress(FetalFlexError):
            list(read_shards(tmp_path / "x.tar"))

    def test_a_shard_that_does_not_hold_what_the_index_says_is_told(self, folder):
        third = replace(SCAN, file_name="third.png")
        shard_of(folder / "val-000000.tar", *good("b", OTHER), *good("c", third))
        with pytest.raises(FetalFlexError, match=r"val-000000\.tar holds 2 samples, but shards\.json says 1"):
            ShardedDataset(folder)

    @pytest.mark.parametrize(
        ("index", "message"),
        [
            ([], "shardlist is None"),
            ({"shardlist": 3}, "shardlist is 3"),
            ({"shardlist": [3]}, r"shardlist\[0\] has no url"),
            ({"shardlist": [{"url": "x.tar", "nsamples": 1}]}, r"there is no shard x\.tar"),
            ({"shardlist": [{"url": "../x.tar", "nsamples": 1}]}, "leads out"),
            ({"shardlist": [{"url": "val-000000.tar"}]}, "nsamples must be a whole number"),
        ],
    )
    def test_a_wrong_index_is_told(self, folder, index, message):
        (folder / "shards.json").write_text(json.dumps(index))
        with pytest.raises(FetalFlexError, match=message):
            ShardedDataset(folder)

    def test_missing_shards_and_foreign_records_are_told(self, folder, tmp_path):
        with pytest.raises(FetalFlexError, match=r"has no shards\.json"):
            ShardedDataset(tmp_path)
        with pytest.raises(FetalFlexError, match=r"holds no image x\.png"):
            ShardedDataset(folder).image(replace(SCAN, file_name="x.png"))
        dataset = ShardedDataset(folder)
        (folder / "val-000000.tar").unlink()
        with pytest.raises(FetalFlexError, match="cannot be read"):
            dataset.image(dataset[1])
