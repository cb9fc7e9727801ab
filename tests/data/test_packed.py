from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from data_helpers import gradient
from data_strategies import record_lists, same
from hypothesis import HealthCheck, given, settings
from safetensors.numpy import load_file, save_file
from test_dataset import items

from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.opening import open_dataset
from fetalflex.data.packed import PackedDataset, pack
from fetalflex.data.records import Dataset, Record
from fetalflex.errors import FetalFlexError


class Synthetic(Dataset):
    """A data set whose images are gradients."""

    def image(self, record):
        return gradient(record.layout.width, record.layout.height)


@pytest.fixture
def folder(tmp_path):
    return DatasetFolder.write(tmp_path / "set", items())


def test_packed_and_folder_data_sets_hold_equal_records(tmp_path, folder):
    size = pack([folder], tmp_path / "set.safetensors", size=128)
    assert size == (tmp_path / "set.safetensors").stat().st_size
    shutil.rmtree(tmp_path / "set")
    packed = open_dataset(tmp_path / "set.safetensors")
    assert isinstance(packed, PackedDataset)
    assert len(packed) == 3
    for one, other in zip(folder, packed, strict=True):
        assert same(one, other)
        difference = packed.image(other).astype(int) - gradient(other.layout.width, other.layout.height)
        assert np.abs(difference).max() < 8


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record_lists(width=48, height=33))
def test_any_records_come_back(tmp_path, records):
    pack([Synthetic(records)], tmp_path / "any.safetensors", size=64)
    packed = PackedDataset(tmp_path / "any.safetensors")
    assert all(same(one, other) for one, other in zip(records, packed, strict=True))


def test_large_images_shrink_with_their_layouts(tmp_path, folder):
    pack([folder], tmp_path / "small.safetensors", size=50)
    packed = PackedDataset(tmp_path / "small.safetensors")
    record, original = packed[1], folder[1]
    assert (record.layout.width, record.layout.height) == (50, 40)
    assert packed.image(record).shape == (40, 50)
    scale = 50 / 101
    assert record.layout.structures[0].box.cx == pytest.approx(original.layout.structures[0].box.cx * scale)
    assert record.layout.pixel_spacing_mm == pytest.approx(0.1 / scale)


def test_several_data_sets_fit_in_one_file_and_subsets_still_have_images(tmp_path, folder):
    others = [Record(f"more/{number}.png", record.layout) for number, record in enumerate(folder)]
    pack([folder, Synthetic(others)], tmp_path / "both.safetensors", size=64)
    packed = PackedDataset(tmp_path / "both.safetensors")
    assert len(packed) == 6
    train = packed.subset(split="train")
    assert len(train) == 3
    assert train.image(train[2]).shape == (50, 64)
    with pytest.raises(FetalFlexError, match=r"images/0\.png"):
        pack([folder, folder], tmp_path / "twice.safetensors")


def test_each_image_keeps_its_licence(tmp_path):
    def licensed(name, ids, table):
        given = [
            (replace(record, file_name=f"{name}{number}.png", extra={"license": number}), pixels)
            for number, (record, pixels) in zip(ids, items(), strict=False)
        ]
        return DatasetFolder.write(tmp_path / name, given, licenses=table)

    by, zero = {"name": "CC BY 4.0", "url": "https://example.org/by"}, {"name": "CC0"}
    first = licensed("a", [7, 3], [{"id": 3, **by}, {"id": 7, **zero}])
    second = licensed("b", [3, 9], [{"id": 3, **zero}])
    third = licensed("c", [1], [])
    pack([first, second, third], tmp_path / "all.safetensors")
    packed = PackedDataset(tmp_path / "all.safetensors")
    names = {one["id"]: one["name"] for one in packed.licenses}
    found = [names.get(record.extra.get("license")) for record in packed]
    assert found == ["CC0", "CC BY 4.0", "CC0", None, None]
    assert packed.licenses[0] == {"id": 1, **by}
    assert packed.subset(split="train").licenses == packed.licenses


def test_nothing_is_a_data_set_too(tmp_path):
    pack([], tmp_path / "none.safetensors")
    assert len(PackedDataset(tmp_path / "none.safetensors")) == 0


def test_a_file_over_the_limit_is_not_written(tmp_path, folder):
    with pytest.raises(FetalFlexError, match=r"3 images at 128 px take 0\.\d MiB, more than the 0\.001 MiB"):
        pack([folder], tmp_path / "set.safetensors", size=128, max_mib=0.001)
    assert not (tmp_path / "set.safetensors").exists()


@pytest.mark.parametrize("options", [{"size": 4}, {"size": 100_000}, {"quality": 0}, {"quality": 96}])
def test_numbers_out_of_range_are_refused(tmp_path, folder, options):
    with pytest.raises(FetalFlexError, match=next(iter(options))):
        pack([folder], tmp_path / "set.safetensors", **options)


class TestDamage:
    @pytest.fixture
    def path(self, tmp_path, folder):
        pack([folder], tmp_path / "set.safetensors", size=64)
        return tmp_path / "set.safetensors"

    @pytest.mark.parametrize("content", [b"", b"x" * 100, b"\xff" * 8 + b"{}"])
    def test_other_files_are_refused(self, path, content):
        path.write_bytes(content)
        with pytest.raises(FetalFlexError, match="is no packed data set"):
            PackedDataset(path)

    def test_a_truncated_file_is_refused(self, path):
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(FetalFlexError, match="is no packed data set"):
            PackedDataset(path)

    def test_a_changed_byte_is_noticed(self, path):
        data = bytearray(path.read_bytes())
        data[-200] ^= 1
        path.write_bytes(data)
        with pytest.raises(FetalFlexError, match="damaged"):
            PackedDataset(path)

    def test_other_tensors_are_refused(self, path):
        save_file({"images": np.zeros(3, np.uint8)}, path)
        with pytest.raises(FetalFlexError, match="is no packed data set"):
            PackedDataset(path)

    @pytest.mark.parametrize("offsets", [[0, 9, 3, 5], [1, 2, 3, 4], []])
    def test_offsets_that_do_not_fit_are_refused(self, path, offsets):
        tensors = load_file(path) | {"offsets": np.array(offsets, np.int64)}
        save_file(tensors, path, {"format": "fetalflex/packed", "version": "1"})
        with pytest.raises(FetalFlexError, match="do not fit together"):
            PackedDataset(path)

    def test_missing_files_and_foreign_records_are_told(self, path, tmp_path, folder):
        with pytest.raises(FetalFlexError, match="there is no packed data set"):
            PackedDataset(tmp_path / "none.safetensors")
        with pytest.raises(FetalFlexError, match=r"holds no image other\.png"):
            PackedDataset(path).image(Record("other.png", folder[0].layout))
