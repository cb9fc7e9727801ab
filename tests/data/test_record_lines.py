from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from data_helpers import boxes, read_all, reasons, save_image, save_text
from data_strategies import record_lists
from export_helpers import SCAN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fetalflex.anatomy.registry import default_registry
from fetalflex.data.record_lines import read_record_lines, record_line
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()
LINE = '{"image": {"file_name": "a.png", "width": 100, "height": 80, "plane": "femur"}}'


def read(path):
    return read_record_lines(path, REGISTRY)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record_lists())
def test_all_but_the_structures_comes_back(tmp_path, records):
    path = save_text(tmp_path / "records.jsonl", "".join(record_line(record, "x.png") for record in records))
    without = {record.file_name: replace(record, layout=record.layout.with_structures(())) for record in records}
    assert read(path) == without


def test_lines_may_be_written_by_hand(tmp_path):
    path = save_text(tmp_path / "records.jsonl", f"\n{LINE.replace('femur', 'Femur')}\n\n")
    assert read(path)["a.png"].layout.plane == "femur"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "line 1 must be a mapping"),
        ("{}", "line 1 lacks the key 'image'"),
        ('{"image": []}', "line 1: image is a list"),
        ('{"image": {}, "x": 1}', "unknown key 'x'"),
        (LINE.replace("femur", "elbow"), "line 1: unknown plane 'elbow'"),
        (LINE.replace("a.png", "../a.png"), "leads out"),
        (LINE.replace("100", "NaN"), "NaN is not allowed"),
        (LINE.replace('"plane"', '"split": "x", "plane"'), "split 'x' is unknown"),
        (f"{LINE}\n{LINE}", r"line 2: the file name a\.png is used twice"),
        ("{", "line 1 is not valid JSON"),
    ],
)
def test_a_wrong_line_is_told(tmp_path, text, message):
    with pytest.raises(FetalFlexError, match=message):
        read(save_text(tmp_path / "records.jsonl", text))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 90), length=st.integers(0, 9), text=st.text('{}[]":,0aeflx\\\n\0', max_size=9))
def test_any_damage_is_one_clear_error(tmp_path, start, length, text):
    path = save_text(tmp_path / "records.jsonl", LINE[:start] + text + LINE[start + length :])
    with contextlib.suppress(FetalFlexError):
        read(path)


class TestImporters:
    """What importers make of a `records.jsonl` in the source."""

    @pytest.fixture
    def source(self, tmp_path):
        save_image(tmp_path / "test" / "p7.png")
        save_text(tmp_path / "test" / "p7.txt", "0 0.5 0.5 0.4 0.25")
        save_text(tmp_path / "classes.txt", "stomach\n")
        record = replace(SCAN, file_name="test/p7.png")
        save_text(tmp_path / "records.jsonl", record_line(record, "x.png"))
        return tmp_path

    def test_it_goes_before_folders_options_and_patterns(self, source):
        (item,), refusals = read_all("yolo", source, plane="femur", patient_pattern=r"p(\d)")
        assert refusals == []
        assert boxes(item) == [("stomach", 50, 40, 40, 20, 0)]
        assert item.layout.with_structures(()) == SCAN.layout.with_structures(())
        assert (item.patient, item.source, item.split, item.quality) == ("p1", "ours", "train", 3)
        assert item.extra == SCAN.extra

    def test_where_it_knows_no_patient_the_pattern_is_tried(self, source):
        record = replace(SCAN, file_name="test/p7.png", patient=None)
        save_text(source / "records.jsonl", record_line(record, "x.png"))
        (item,), _ = read_all("yolo", source, patient_pattern=r"p(\d)")
        assert item.patient == "7"

    def test_other_images_are_read_as_without_it(self, source):
        save_image(source / "test" / "q.png")
        save_text(source / "test" / "q.txt", "0 0.5 0.5 0.4 0.25")
        items, refusals = read_all("yolo", source)
        assert [item.image_path.name for item in items] == ["p7.png"]
        assert "q.txt: the annotations name no plane" in reasons(refusals)
        items, refusals = read_all("yolo", source, plane="abdominal_transverse")
        assert [(item.patient, item.split) for item in items] == [("p1", "train"), (None, "test")]

    def test_an_image_of_another_size_is_refused(self, source):
        save_image(source / "test" / "p7.png", 50, 40)
        items, refusals = read_all("yolo", source)
        assert items == []
        assert "test/p7.png has 50 x 40 pixels, but its record says 100 x 80" in reasons(refusals)

    def test_an_image_it_names_counts_whatever_its_folder_is_called(self, source):
        save_image(source / "masks" / "a.png")
        save_image(source / "masks" / "b.png")
        lines = record_line(replace(SCAN, file_name="masks/a.png"), "x.png")
        save_text(source / "records.jsonl", lines)
        items, _ = read_all("yolo", source, plane="abdominal_transverse", keep_unannotated=True)
        assert [item.image_path.name for item in items] == ["p7.png", "a.png"]

    def test_a_wrong_one_stops_the_import(self, source):
        save_text(source / "records.jsonl", "{}")
        with pytest.raises(FetalFlexError, match=r"records\.jsonl line 1 lacks"):
            read_all("yolo", source)
