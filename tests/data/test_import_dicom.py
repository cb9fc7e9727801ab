"""DICOM files in data sets: alone, beside annotations, frame by frame; and nothing private in what is written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dicom_files import NAME, PRIVATE, SHIPPED, noise, region, write_dicom
from fetalflex.data import DatasetFolder, prepare
from fetalflex.data.importers import ImportOptions
from fetalflex.dicom import FrameChoice
from fetalflex.errors import FetalFlexError

PLANE = "abdominal_transverse"
ALL = ImportOptions(plane=PLANE, frames=FrameChoice("all"))


def coco(folder: Path, *images: dict[str, object]) -> None:
    """Write COCO annotations with one stomach in each image."""
    entries = [{"id": number, "width": 60, "height": 40, **image} for number, image in enumerate(images)]
    boxes = [
        {"id": number, "image_id": number, "category_id": 1, "bbox": [10, 10, 12, 8]} for number in range(len(images))
    ]
    values = {"images": entries, "annotations": boxes, "categories": [{"id": 1, "name": "stomach"}]}
    (folder / "boxes.json").write_text(json.dumps(values))


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """A picture with a spacing, and a clip of four frames."""
    folder = tmp_path / "scans"
    regions = [region((0, 0, 59, 39), (0.3, 0.3))]
    write_dicom(folder / "one.dcm", noise(40, 60), SequenceOfUltrasoundRegions=regions, LastMenstrualDate="20240131")
    write_dicom(folder / "more" / "clip.dcm", noise(4, 40, 60, seed=1), SequenceOfUltrasoundRegions=regions)
    return folder


class TestAlone:
    """The format `dicom`."""

    def test_headers_become_fields(self, scans, tmp_path):
        report = prepare(scans, "dicom", tmp_path / "set", ALL)
        assert report.taken == 5
        dataset = DatasetFolder(tmp_path / "set")
        records = {record.file_name: record for record in dataset}
        one = records["images/one.png"]
        assert one.layout.pixel_spacing_mm == pytest.approx(0.3)
        assert one.extra == {"gestational_age": "18w2d", "ultrasound_regions": [[0, 0, 60, 40]]}
        third = records["images/clip-frame-3.png"]
        assert (third.extra["frame"], third.extra["frame_time_ms"]) == (3, 80.0)
        np.testing.assert_array_equal(dataset.image(third), noise(4, 40, 60, seed=1)[2])
        np.testing.assert_array_equal(dataset.image(one), noise(40, 60))

    def test_frames_have_to_be_chosen(self, scans, tmp_path):
        report = prepare(scans, "dicom", tmp_path / "set", ImportOptions(plane=PLANE))
        (refusal,) = report.refused
        assert refusal.where == "more/clip.dcm"
        assert "holds 4 frames; say which to take: --frames all, every:N, first or middle" in refusal.reason

    @pytest.mark.parametrize(("choice", "numbers"), [("every:3", [1, 4]), ("first", [1]), ("middle", [2])])
    def test_choices(self, scans, tmp_path, choice, numbers):
        options = ImportOptions(plane=PLANE, frames=FrameChoice.parse(choice))
        report = prepare(scans / "more" / "clip.dcm", "dicom", tmp_path / "set", options)
        assert [record.extra["frame"] for record in report.records] == numbers
        assert report.settings["frames"] == choice

    def test_a_patient_is_in_one_split_under_a_name_that_says_nothing(self, tmp_path):
        for number in range(12):
            write_dicom(tmp_path / "scans" / f"{number:02}.dcm", noise(8, 9, seed=number), PatientID=f"id {number % 6}")
        report = prepare(tmp_path / "scans", "dicom", tmp_path / "set", ALL)
        splits: dict[str | None, set[str | None]] = {}
        for record in report.records:
            splits.setdefault(record.patient, set()).add(record.split)
        assert len(splits) == 6
        assert all(len(found) == 1 for found in splits.values())
        again = prepare(tmp_path / "scans", "dicom", tmp_path / "again", ALL)
        assert [record.patient for record in again.records] == [record.patient for record in report.records]
        assert any("6 patients of DICOM files are told apart by the id" in remark for remark in report.remarks)

    def test_a_patient_pattern_goes_before_the_header(self, scans, tmp_path):
        options = ImportOptions(plane=PLANE, frames=FrameChoice("first"), patient_pattern="(one|clip)")
        report = prepare(scans, "dicom", tmp_path / "set", options)
        assert sorted(str(record.patient) for record in report.records) == ["clip", "one"]

    def test_nothing_private_is_written_or_told(self, scans, tmp_path):
        write_dicom(scans / "flow.dcm", noise(8, 9), ImageType=["ORIGINAL", "PRIMARY", "X", "0011"])
        (scans / "cut.dcm").write_bytes((scans / "one.dcm").read_bytes()[:700])
        prepare(scans, "dicom", tmp_path / "set", ALL)
        written = b"".join(path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file())
        assert not [text for text in PRIVATE if text.encode() in written]
        assert NAME.encode() in (scans / "one.dcm").read_bytes()

    def test_the_same_files_give_the_same_bytes(self, scans, tmp_path):
        for name in ("a", "b"):
            prepare(scans, "dicom", tmp_path / name, ALL)
        for path in (tmp_path / "a").rglob("*.*"):
            assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()

    def test_doubts_are_notes(self, tmp_path):
        write_dicom(tmp_path / "scans" / "a.dcm", noise(8, 9), BurnedInAnnotation="YES", Modality="MR")
        regions = [region((0, 0, 59, 39), (0.3, 0.5))]
        write_dicom(tmp_path / "scans" / "b.dcm", noise(40, 60), SequenceOfUltrasoundRegions=regions)
        notes = [
            f"{note.where}: {note.reason}" for note in prepare(tmp_path / "scans", "dicom", tmp_path / "s", ALL).notes
        ]
        assert [note for note in notes if "a.dcm: its header says that text is burned into the picture" in note]
        assert [note for note in notes if "a.dcm: its header says that it is no ultrasound but MR" in note]
        assert [note for note in notes if "b.dcm: its pixels are 0.3 mm wide and 0.5 mm high" in note]

    def test_colour_doppler_on_request(self, tmp_path):
        write_dicom(tmp_path / "scans" / "a.dcm", noise(8, 9), ImageType=["ORIGINAL", "PRIMARY", "X", "0011"])
        with pytest.raises(FetalFlexError, match="is colour Doppler, as its header says"):
            prepare(tmp_path / "scans", "dicom", tmp_path / "set", ALL)
        options = ImportOptions(plane=PLANE, colour_doppler=True)
        assert prepare(tmp_path / "scans", "dicom", tmp_path / "set", options).settings["colour_doppler"] is True

    def test_a_synthetic_file_stays_synthetic(self, tmp_path):
        write_dicom(tmp_path / "scans" / "a.dcm", noise(8, 9), SyntheticData="YES")
        prepare(tmp_path / "scans", "dicom", tmp_path / "set", ALL)
        dataset = DatasetFolder(tmp_path / "set")
        assert dataset.mark(dataset[0]) is not None

    def test_frames_that_do_not_change_are_one(self, tmp_path):
        write_dicom(tmp_path / "scans" / "a.dcm", np.repeat(noise(1, 8, 9), 3, axis=0))
        report = prepare(tmp_path / "scans", "dicom", tmp_path / "set", ALL)
        assert report.taken == 1
        assert [one.where for one in report.refused] == ["a.dcm frame 2", "a.dcm frame 3"]
        assert "the image is the same picture as a.dcm frame 1" in report.refused[0].reason

    def test_other_pictures_are_refused(self, scans, tmp_path):
        (scans / "a.png").write_bytes(b"x")
        report = prepare(scans, "dicom", tmp_path / "set", ALL)
        assert ["this is no DICOM file" in one.reason for one in report.refused] == [True]
        (tmp_path / "other").mkdir()
        with pytest.raises(FetalFlexError, match="other holds no DICOM file"):
            prepare(tmp_path / "other", "dicom", tmp_path / "set2", ALL)


class TestBesideAnnotations:
    """COCO and others that name DICOM files."""

    def test_boxes_spacing_and_frames(self, scans, tmp_path):
        coco(
            scans,
            {"file_name": "one.dcm"},
            {"file_name": "more/clip.dcm", "frame": 2},
            {"file_name": "more/clip.dcm", "frame": 4},
        )
        report = prepare(scans, "coco", tmp_path / "set", ImportOptions(plane=PLANE))
        assert report.refused == []
        records = {record.file_name: record for record in report.records}
        assert sorted(records) == ["images/clip-frame-2.png", "images/clip-frame-4.png", "images/one.png"]
        for record in report.records:
            assert record.layout.pixel_spacing_mm == pytest.approx(0.3)
            assert record.layout.names() == ("stomach",)
        dataset = DatasetFolder(tmp_path / "set")
        np.testing.assert_array_equal(dataset.image(records["images/clip-frame-4.png"]), noise(4, 40, 60, seed=1)[3])

    def test_boxes_are_for_one_frame(self, scans, tmp_path):
        coco(scans, {"file_name": "one.dcm"}, {"file_name": "more/clip.dcm"})
        (refusal,) = prepare(scans, "coco", tmp_path / "set", ALL).refused
        assert "its boxes do not say for which of its 4 frames they are" in refusal.reason
        options = ImportOptions(plane=PLANE, frames=FrameChoice("middle"))
        assert prepare(scans, "coco", tmp_path / "middle", options).taken == 2

    def test_one_frame_twice_and_one_that_is_not_there(self, scans, tmp_path):
        coco(
            scans,
            {"file_name": "one.dcm"},
            {"file_name": "more/clip.dcm", "frame": 2},
            {"file_name": "more/clip.dcm", "frame": 2},
            {"file_name": "more/clip.dcm", "frame": 9},
        )
        reasons = [one.reason for one in prepare(scans, "coco", tmp_path / "set", ImportOptions(plane=PLANE)).refused]
        assert sum("is annotated twice" in reason for reason in reasons) == 2
        assert sum("the annotation is for frame 9; the file has frames 1 to 4" in reason for reason in reasons) == 1

    def test_the_annotation_s_spacing_goes_first_and_is_compared(self, scans, tmp_path):
        coco(scans, {"file_name": "one.dcm", "pixel_spacing_mm": 0.5})
        report = prepare(scans, "coco", tmp_path / "set", ImportOptions(plane=PLANE))
        assert report.records[0].layout.pixel_spacing_mm == 0.5
        assert "its annotation says 0.5 mm per pixel, its header 0.3" in report.notes[0].reason

    def test_a_prepared_set_is_read_again_as_it_is(self, scans, tmp_path):
        prepare(scans, "dicom", tmp_path / "set", ALL)
        again = prepare(tmp_path / "set", "coco", tmp_path / "again", ImportOptions(keep_unannotated=True))
        assert again.refused == []
        before = DatasetFolder(tmp_path / "set")
        assert [(one.patient, one.extra) for one in again.records] == [(one.patient, one.extra) for one in before]

    def test_yolo_beside_dicom(self, scans, tmp_path):
        (scans / "one.txt").write_text("0 0.5 0.5 0.2 0.2\n")
        (scans / "classes.txt").write_text("stomach\n")
        report = prepare(scans, "yolo", tmp_path / "set", ImportOptions(plane=PLANE))
        assert [record.file_name for record in report.records] == ["images/one.png"]

    def test_masks_beside_dicom(self, scans, tmp_path):
        mask = np.zeros((40, 60), np.uint8)
        mask[10:20, 10:30] = 1
        Image.fromarray(mask).save(scans / "one_mask.png")
        options = ImportOptions(plane=PLANE, label_map={"1": "stomach"})
        (record,) = prepare(scans, "masks", tmp_path / "set", options).records
        assert record.layout.structures[0].box.xywh() == (10, 10, 20, 10)

    def test_a_data_set_made_by_hand_may_hold_dicom(self, scans):
        coco(scans, {"file_name": "one.dcm", "plane": PLANE})
        (scans / "boxes.json").rename(scans / "annotations.json")
        dataset = DatasetFolder(scans)
        np.testing.assert_array_equal(dataset.image(dataset[0]), noise(40, 60))


class TestMedia:
    """Media with a DICOMDIR and files without endings."""

    @pytest.fixture
    def medium(self, scans: Path) -> Path:
        (scans / "one.dcm").rename(scans / "IM00001")
        (scans / "more" / "clip.dcm").rename(scans / "more" / "1.2.840.113.7")
        (scans / "DICOMDIR").write_bytes((SHIPPED / "dicomdirtests" / "DICOMDIR").read_bytes())
        (scans / "README").write_text("no picture")
        return scans

    @pytest.mark.parametrize("given", [".", "DICOMDIR"])
    def test_files_are_found_without_it(self, medium, tmp_path, given):
        report = prepare(medium / given, "dicom", tmp_path / "set", ALL)
        names = sorted(record.file_name for record in report.records)
        assert names == [*(f"images/1.2.840.113.7-frame-{number}.png" for number in range(1, 5)), "images/IM00001.png"]
        assert report.refused == []

    def test_paths_in_it_are_never_followed(self, medium, tmp_path):
        write_dicom(tmp_path / "secret" / "IM1", noise(8, 9, seed=5))
        content = (medium / "DICOMDIR").read_bytes()
        assert b"77654033\\CR1\\6154" in content
        (medium / "DICOMDIR").write_bytes(content.replace(b"77654033\\CR1\\6154", b"..\\secret\\IM1\0\0\0\0"))
        report = prepare(medium / "DICOMDIR", "dicom", tmp_path / "set", ALL)
        assert report.taken == 5
        assert not [one for one in report.refused if "secret" in one.reason]

    def test_links_out_of_the_source_are_refused(self, medium, tmp_path):
        write_dicom(tmp_path / "secret.dcm", noise(8, 9, seed=5))
        (medium / "link.dcm").symlink_to(tmp_path / "secret.dcm")
        report = prepare(medium, "dicom", tmp_path / "set", ALL)
        assert [one.where for one in report.refused] == ["link.dcm"]


def test_a_missing_extra_is_named(scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fetalflex.dicom import requirements

    monkeypatch.setattr(requirements, "_NEEDED", {"no_such_module": "python-gdcm"})
    message = r"one\.dcm is a DICOM file, and to read it needs python-gdcm; run: pip install 'fetalflex\[clinical\]'"
    with pytest.raises(FetalFlexError, match=message):
        prepare(scans, "dicom", tmp_path / "set", ALL)
