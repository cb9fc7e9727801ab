from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from data_strategies import exported_records, same
from export_helpers import (
    READERS,
    SCAN,
    export_records,
    files_in,
    items_of,
    pixels_of,
    read_back,
    upright_and_cut,
    with_boxes,
)
from hypothesis import HealthCheck, given, settings

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout
from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.exporters import EXPORTERS, ExportOptions, get_exporter
from fetalflex.data.exporting import export
from fetalflex.data.image_files import read_image
from fetalflex.data.importers import ImportOptions
from fetalflex.data.opening import open_dataset
from fetalflex.data.preparation import prepare
from fetalflex.errors import FetalFlexError

FORMATS = tuple(EXPORTERS)
few = settings(max_examples=7, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
numbers = itertools.count()


def same_rectangle(first: Box, second: Box) -> bool:
    """Tell whether two boxes have the same corners, whichever side is called the width."""
    corners = first.polygon()[:, None] - second.polygon()[None]
    distance = np.abs(corners).max(-1)
    return bool((distance.min(0) < 1e-6).all() and (distance.min(1) < 1e-6).all())


class TestRoundTrips:
    @pytest.mark.parametrize("format", READERS)
    @few
    @given(records=exported_records())
    def test_whatever_is_exported_reads_back(self, tmp_path, format, records):
        out = tmp_path / f"{next(numbers)}"
        result = export_records(records, format, out)
        assert result.images == len(records)
        found, refusals = read_back(out, format)
        assert refusals == []
        assert found.keys() == {record.file_name for record in records}
        for record in records:
            read, path = found[record.file_name]
            assert np.array_equal(read_image(path), pixels_of(record))
            if format == "yolo":
                assert same(read, with_boxes(record, upright_and_cut))
            elif format == "yolo_obb":
                pairs = zip(read.layout.structures, record.layout.structures, strict=True)
                assert all(same_rectangle(one.box, other.box) for one, other in pairs)
                assert same(replace(read, layout=record.layout), record)
                assert read.layout.names() == record.layout.names()
            else:
                assert same(read, record)

    @few
    @given(records=exported_records(sticking_out=True))
    def test_shards_hold_everything_exactly(self, tmp_path, records):
        out = tmp_path / f"{next(numbers)}"
        export_records(records, "webdataset", out, shard_images=2)
        dataset = open_dataset(out)
        found = {record.file_name: record for record in dataset}
        assert found == {record.file_name: record for record in records}
        assert all(np.array_equal(dataset.image(record), pixels_of(record)) for record in dataset)

    @few
    @given(records=exported_records(sticking_out=True))
    def test_coco_holds_everything(self, tmp_path, records):
        out = tmp_path / f"{next(numbers)}"
        records = [replace(record, file_name=f"images/{number}.png") for number, record in enumerate(records)]
        export_records(records, "coco", out)
        dataset = open_dataset(out)
        assert all(same(one, other) for one, other in zip(dataset, records, strict=True))
        assert all(np.array_equal(dataset.image(record), pixels_of(record)) for record in dataset)

    @pytest.mark.parametrize("format", READERS)
    @few
    @given(records=exported_records(sticking_out=True))
    def test_boxes_that_stick_out_read_back_as_what_lies_inside(self, tmp_path, format, records):
        out = tmp_path / f"{next(numbers)}"
        export_records(records, format, out)
        found, refusals = read_back(out, format)
        assert all(refusal.kind == "noted" for refusal in refusals)
        for record in records:
            read, _ = found[record.file_name]
            for one, other in zip(read.layout.structures, record.layout.structures, strict=True):
                assert one.name == other.name
                assert self.is_expected(one.box, other.box, record.layout, format), (one, other)

    @staticmethod
    def is_expected(read: Box, box: Box, layout: Layout, format: str) -> bool:
        if format == "yolo" or not box.is_rotated:
            return same_rectangle(read, upright_and_cut(box, layout))
        rest = box.clipped(layout.width, layout.height)
        return same_rectangle(read, rest if format == "yolo_obb" and rest is not None else box)

    @pytest.mark.parametrize(
        ("format", "reader", "options"), [(f, *READERS[f]) for f in READERS] + [("coco", "coco", {})]
    )
    def test_prepare_makes_the_data_set_again(self, tmp_path, format, reader, options):
        other = replace(SCAN, file_name="images/b.png", split="val", patient="p2")
        export_records([SCAN, other], format, tmp_path / "out")
        report = prepare(tmp_path / "out", reader, tmp_path / "again", ImportOptions(**options), keep_splits=True)
        assert report.refused == []
        records = {record.file_name: record for record in open_dataset(tmp_path / "again")}
        assert {name: record.patient for name, record in records.items()} == {
            "images/scan.png": "p1",
            "images/b.png": "p2",
        }
        assert {record.split for record in records.values()} == {"train", "val"}
        again = records["images/scan.png"].layout
        assert again.with_structures(()) == SCAN.layout.with_structures(())
        assert again.names() == SCAN.layout.names()


class TestFolder:
    @pytest.mark.parametrize("format", FORMATS)
    def test_it_holds_a_page_about_itself_and_nothing_of_where_it_lies(self, tmp_path, format):
        result = export_records([SCAN], format, tmp_path / "out")
        files = files_in(tmp_path / "out")
        page = files["README.md"].decode()
        assert page == result.to_markdown()
        assert "1 images (1 train) with 2 boxes." in page
        assert all(note in page for note in result.notes)
        assert all(str(tmp_path).encode() not in content for content in files.values())
        assert [path.name for path in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("format", FORMATS)
    def test_it_names_the_licences(self, tmp_path, format):
        licenses = [{"id": 1, "name": "CC BY\n4.0", "url": "https://example.org/by"}, {"id": 2, "name": "ours"}]
        export_records([SCAN], format, tmp_path / "out", licenses=licenses)
        page = (tmp_path / "out" / "README.md").read_text()
        assert "Licences of the images: 1 CC BY 4.0 https://example.org/by, 2 ours.\n" in page
        assert format != "coco" or DatasetFolder(tmp_path / "out").licenses == licenses

    @pytest.mark.parametrize("format", FORMATS)
    def test_the_same_records_give_the_same_bytes(self, tmp_path, format):
        for name in ("first", "second"):
            export_records([SCAN, replace(SCAN, file_name="b.png")], format, tmp_path / name)
        assert files_in(tmp_path / "first") == files_in(tmp_path / "second")

    def test_the_result_counts(self, tmp_path):
        records = [SCAN, replace(SCAN, file_name="b.png", split=None), replace(SCAN, file_name="c.png", split="val")]
        result = export_records(records, "yolo", tmp_path / "out")
        assert result.to_dict() == {
            "format": "yolo",
            "folder": str(tmp_path / "out"),
            "images": 3,
            "boxes": 6,
            "splits": {"train": 1, "val": 1, "unsplit": 1},
            "synthetic": 0,
            "notes": ["rotated boxes written as the upright box around them: 3"],
        }
        json.dumps(result.to_dict())

    def test_progress_is_told_after_each_image(self, tmp_path):
        told: list[int] = []
        records = [replace(SCAN, file_name=f"{number}.png") for number in range(3)]
        export(items_of(records), "voc", tmp_path / "out", on_progress=told.append)
        assert told == [1, 2, 3]

    @pytest.mark.parametrize("format", FORMATS)
    def test_items_are_taken_one_by_one(self, tmp_path, format):
        alive: list[int] = []

        def items():
            for number in range(4):
                record = replace(SCAN, file_name=f"{number}.png")
                alive.append(number)
                yield record, pixels_of(record)

        told: list[int] = []
        export(items(), format, tmp_path / "out", on_progress=lambda done: told.append(len(alive) - done))
        assert told == [0, 0, 0, 0]


class TestNothingIsLeft:
    @pytest.mark.parametrize("format", FORMATS)
    @pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("stop")])
    def test_after_an_interruption(self, tmp_path, format, error):
        def items():
            yield from items_of([SCAN, replace(SCAN, file_name="b.png", split="val")])
            raise error

        with pytest.raises(type(error)):
            export(items(), format, tmp_path / "sub" / "out")
        assert files_in(tmp_path) == {}
        assert not (tmp_path / "sub" / "out").exists()

    @pytest.mark.parametrize("format", FORMATS)
    def test_of_a_record_without_an_image(self, tmp_path, format):
        with pytest.raises(FetalFlexError, match=r"images/scan\.png has no image"):
            export([(SCAN, None)], format, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("record", "pixels", "message"),
        [
            (SCAN, np.zeros((80, 90), np.uint8), "90 x 80 pixels, but its annotations are for 100 x 80"),
            (SCAN, np.zeros((80, 100, 3), np.uint8), r"give \(H, W\) uint8"),
            (SCAN, np.zeros((80, 100)), r"give \(H, W\) uint8"),
            (SCAN, b"png", "a bytes as its image"),
            (replace(SCAN, extra={"x": float("nan")}), None, "what JSON cannot"),
            (replace(SCAN, extra={"x": {1, 2}}), None, "what JSON cannot"),
            (replace(SCAN, layout=Layout("elbow", 100, 80)), None, r"scan\.png: unknown plane 'elbow'"),
        ],
    )
    def test_of_a_record_that_does_not_fit(self, tmp_path, record, pixels, message):
        pixels = pixels_of(record) if pixels is None else pixels
        with pytest.raises(FetalFlexError, match=message):
            export([(record, pixels)], "yolo", tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("format", FORMATS)
    def test_of_two_records_of_one_name(self, tmp_path, format):
        with pytest.raises(FetalFlexError, match=r"two images have the file name images/scan\.png"):
            export_records([SCAN, SCAN], format, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("format", FORMATS)
    def test_of_no_record(self, tmp_path, format):
        with pytest.raises(FetalFlexError, match="no record to export"):
            export([], format, tmp_path / "out")
        assert list(tmp_path.iterdir()) == []

    def test_of_a_disk_that_refuses(self, tmp_path):
        record = replace(SCAN, file_name=f"{'x' * 300}.png")
        with pytest.raises(FetalFlexError, match="cannot be"):
            export_records([record], "coco", tmp_path / "out")
        assert list(tmp_path.iterdir()) == []


class TestTarget:
    @pytest.mark.parametrize("format", FORMATS)
    def test_a_full_folder_is_replaced_by_force_alone(self, tmp_path, format):
        export_records([SCAN], format, tmp_path / "out")
        before = files_in(tmp_path / "out")
        with pytest.raises(FetalFlexError, match="already there and not empty"):
            export_records([replace(SCAN, file_name="b.png")], format, tmp_path / "out")
        assert files_in(tmp_path / "out") == before
        export(items_of([replace(SCAN, file_name="b.png")]), format, tmp_path / "out", force=True)
        assert files_in(tmp_path / "out") != before

    @pytest.mark.parametrize("format", FORMATS)
    def test_a_folder_of_another_kind_is_never_replaced(self, tmp_path, format):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "thesis.txt").write_text("years of work")
        with pytest.raises(FetalFlexError, match="not even by force"):
            export(items_of([SCAN]), format, tmp_path / "out", force=True)
        assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"

    def test_a_file_is_in_the_way(self, tmp_path):
        (tmp_path / "out").write_text("x")
        with pytest.raises(FetalFlexError, match="is a file"):
            export_records([SCAN], "voc", tmp_path / "out")


class TestNames:
    @pytest.mark.parametrize("name", EXPORTERS)
    def test_exporters_are_found_by_name(self, name):
        assert get_exporter(name).name == name

    def test_an_unknown_format_is_told_with_all_names(self, tmp_path):
        with pytest.raises(FetalFlexError, match="'dicom'; choose one of " + ", ".join(EXPORTERS)):
            export_records([SCAN], "dicom", tmp_path / "out")

    @pytest.mark.parametrize("options", [{"class_field": ""}, {"shard_images": 0}, {"shard_bytes": -1}])
    def test_options_out_of_range_are_refused(self, options):
        with pytest.raises(FetalFlexError, match=next(iter(options))):
            ExportOptions(**options)
