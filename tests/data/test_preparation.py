"""What preparing makes of a source: images, splits, records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_helpers import FIXTURES, save_image, save_json, save_text
from PIL import Image
from preparation_helpers import TABLE, add_rows, files_in, noise, prepare_after, prepare_table, row, write_rows

from fetalflex.anatomy.registry import default_registry
from fetalflex.data import DatasetFolder, read_image
from fetalflex.data.image_files import image_size
from fetalflex.data.importers import ImportOptions
from fetalflex.data.preparation import prepare
from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER

pytestmark = pytest.mark.usefixtures("quick")


PUBLIC_SETS = [
    ("fetus_framework", "fetus_framework", 2),
    ("head_biometry", "head_biometry", 1),
    ("hc18", "hc18", 2),
    ("fetal_planes", "fetal_planes_db", 2),
]


class TestFolder:
    def test_it_opens_as_a_data_set(self, source):
        report = prepare_table(source)
        dataset = DatasetFolder(source.parent / "out")
        assert len(dataset) == report.taken == 12
        assert tuple(dataset) == tuple(report.records)
        for record in dataset:
            assert np.array_equal(dataset.image(record), read_image(source / Path(record.file_name).name))

    def test_it_holds_the_report_and_the_contact_sheet(self, source):
        report = prepare_table(source)
        files = files_in(source.parent / "out")
        assert files.keys() - {name for name in files if name.startswith("images/")} == {
            MARKER,
            "annotations.json",
            "report.json",
            "report.md",
            "contact_sheet.png",
        }
        assert json.loads(files["report.json"]) == json.loads(report.to_json())
        assert files["report.md"].decode() == report.to_markdown()
        assert image_size(source.parent / "out" / "contact_sheet.png")[0] > 5 * 48

    def test_it_says_nothing_of_where_the_source_was(self, source, tmp_path):
        prepare_table(source)
        for name, content in files_in(tmp_path / "out").items():
            assert str(tmp_path).encode() not in content, name

    def test_the_same_source_and_seed_give_the_same_bytes(self, source):
        prepare_table(source, "first", seed=3)
        prepare_table(source, "second", seed=3)
        assert files_in(source.parent / "first") == files_in(source.parent / "second")

    def test_only_the_folder_is_left(self, source):
        prepare_table(source)
        assert sorted(path.name for path in source.parent.iterdir()) == ["out", "scans"]

    @pytest.mark.parametrize(("format", "folder", "count"), PUBLIC_SETS)
    def test_public_sets(self, tmp_path, format, folder, count):
        report = prepare(FIXTURES / folder, format, tmp_path / "out")
        dataset = DatasetFolder(tmp_path / "out")
        assert len(dataset) == report.taken == count
        assert all(dataset.image(record).any() for record in dataset)


class TestImages:
    """What becomes of image files."""

    @pytest.fixture
    def folder(self, tmp_path):
        return tmp_path / "scans"

    def prepared(self, folder: Path, *names: str, **options: Any) -> DatasetFolder:
        write_rows(folder, [row(name) for name in names])
        prepare_table(folder, options=ImportOptions(**options) if options else None)
        return DatasetFolder(folder.parent / "out")

    def test_plain_grey_files_are_copied_byte_for_byte(self, folder):
        noise(folder / "a.png")
        Image.fromarray(np.full((40, 60), 90, np.uint8)).save(folder / "b.jpg")
        dataset = self.prepared(folder, "a.png", "b.jpg")
        for name in ("a.png", "b.jpg"):
            assert (dataset.root / "images" / name).read_bytes() == (folder / name).read_bytes()

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "1", "I;16"])
    def test_other_modes_become_8_bit_grey_png(self, folder, mode):
        noise(folder / "x.png")
        with Image.open(folder / "x.png") as image:
            changed = image.convert("L").convert(mode)
        changed.save(folder / "x.png")
        dataset = self.prepared(folder, "x.png")
        with Image.open(dataset.image_path(dataset[0])) as image:
            assert (image.format, image.mode) == ("PNG", "L")
        assert np.array_equal(dataset.image(dataset[0]), read_image(folder / "x.png"))

    def test_metadata_does_not_come_along(self, folder):
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees
        exif[0x010E] = "Jane Doe"
        noise(folder / "x.png", width=40, height=60)
        with Image.open(folder / "x.png") as image:
            image.save(folder / "x.jpg", exif=exif, comment=b"born 1990")
        (folder / "x.png").unlink()
        with pytest.raises(FetalFlexError, match="EXIF turns the picture: stored are 40 x 60 pixels, shown 60 x 40"):
            self.prepared(folder, "x.jpg")
        dataset = self.prepared(folder, "x.jpg", exif="apply")
        assert (dataset[0].layout.width, dataset[0].layout.height) == (60, 40)
        data = dataset.image_path(dataset[0]).read_bytes()
        assert b"Jane" not in data
        assert b"1990" not in data
        assert np.array_equal(dataset.image(dataset[0]), read_image(folder / "x.jpg"))

    def test_names_become_portable(self, folder):
        noise(folder / "Scan é (1).png")
        report = prepare_after(folder, [row("Scan é (1).png")])
        assert [record.file_name for record in report.records] == ["images/Scan_e_1_.png"]
        (change,) = report.notes
        assert "stored as images/Scan_e_1_.png, since its name has characters" in change.reason

    def test_a_name_that_comes_twice_is_changed_once(self, folder):
        noise(folder / "train" / "a.png", 1)
        noise(folder / "test" / "A.png", 2)
        report = prepare_after(folder, [row("train/a.png"), row("test/A.png")])
        assert [record.file_name for record in report.records] == ["images/a.png", "images/A_2.png"]
        assert [(change.where, change.reason) for change in report.notes] == [
            ("test/A.png", "stored as images/A_2.png, since another image has this name")
        ]


class TestSplits:
    def test_patients_are_in_one_split_and_the_seed_decides(self, source):
        first = prepare_table(source, "a", seed=1)
        second = prepare_table(source, "b", seed=2)
        for report in (first, second):
            by_patient: dict[str, set[str | None]] = {}
            for record in report.records:
                by_patient.setdefault(str(record.patient), set()).add(record.split)
            assert all(len(splits) == 1 for splits in by_patient.values())
        assert [record.split for record in first.records] != [record.split for record in second.records]
        assert first.settings["seed"] == 1

    def test_more_images_do_not_move_the_others(self, source):
        before = {record.file_name: record.split for record in prepare_table(source, "a").records}
        noise(source / "x.png", 77)
        add_rows(source, row("x.png", patient="p99"))
        after = {record.file_name: record.split for record in prepare_table(source, "b").records}
        assert before.items() <= after.items()

    def test_fractions(self, source):
        report = prepare_table(source, fractions=(0.0, 0.0, 1.0))
        assert report.splits == {"train": 0, "val": 0, "test": 12}
        assert report.remarks == []

    def test_the_sources_splits_are_kept_on_request(self, source):
        rows = [
            row(f"{n:02}.png", patient=f"p{n // 2}", split="val" if n < 4 else "" if n < 6 else "test")
            for n in range(12)
        ]
        write_rows(source, rows)
        report = prepare_table(source, keep_splits=True)
        splits = [record.split for record in report.records]
        assert splits[:4] == ["val"] * 4
        assert splits[6:] == ["test"] * 6
        assert "names no split for 2 of 12 images" in " ".join(report.remarks)
        assert splits != [record.split for record in prepare_table(source, "other").records]

    def test_a_patient_in_two_splits_of_the_source_is_an_error(self, source):
        rows = [row("00.png", patient="p", split="train"), row("01.png", patient="p", split="test")]
        with pytest.raises(FetalFlexError, match="patient p is both in train and in test"):
            prepare_after(source, rows, keep_splits=True)
        assert not (source.parent / "out").exists()

    def test_unknown_patients_are_remarked_on(self, source):
        write_rows(source, [row(f"{number:02}.png") for number in range(12)])
        assert "No patient is known for 12 of 12 images" in prepare_table(source).remarks[0]
        options = ImportOptions(patient_pattern=r"(\d)\d")
        assert "No patient" not in " ".join(prepare_table(source, "other", options).remarks)

    def test_an_empty_split_is_remarked_on(self, source):
        write_rows(source, [row("00.png", patient="p")])
        assert "No image fell into" in prepare_table(source).remarks[0]


class TestSource:
    def test_nothing_usable(self, source):
        write_rows(source, [row(f"{number:02}.png", "unknown") for number in range(12)])
        with pytest.raises(FetalFlexError, match=r"holds no usable image in the format table: .*unknown structure"):
            prepare_table(source)
        assert not (source.parent / "out").exists()

    def test_no_source(self, tmp_path):
        with pytest.raises(FetalFlexError, match=r"there is no .*nowhere"):
            prepare(tmp_path / "nowhere", "coco", tmp_path / "out")

    def test_unknown_format(self, source):
        with pytest.raises(FetalFlexError, match="unknown annotation format 'nifti'; choose one of coco"):
            prepare(source, "nifti", source.parent / "out")

    def test_a_single_annotation_file(self, source):
        report = prepare(source / TABLE, "table", source.parent / "out")
        assert (report.taken, report.source) == (12, "scans")

    def test_a_prepared_folder_can_be_prepared_again(self, source):
        """What the reader knows of every image comes through: patient, split, spacing, rotation, other fields."""
        coco = {
            "categories": [{"id": 1, "name": "skull"}],
            "images": [
                {"id": 1, "file_name": "00.png", "width": 60, "height": 40, "plane": "TT", "patient": "p1"}
                | {"source": "here", "split": "val", "quality": 2, "pixel_spacing_mm": 0.25, "device": "E6"}
            ],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 5, 40, 30]}
                | {"rotated_box": {"cx": 30, "cy": 20, "width": 36, "height": 22, "angle": 15}}
            ],
        }
        folder = source.parent / "coco"
        save_json(folder / "annotations.json", coco)
        noise(folder / "00.png")
        first = prepare(folder, "coco", source.parent / "first", keep_splits=True)
        (record,) = first.records
        assert (record.patient, record.source, record.split, record.quality) == ("p1", "here", "val", 2)
        assert record.layout.pixel_spacing_mm == 0.25
        assert record.layout.structures[0].box.angle == 15
        assert record.extra == {"device": "E6"}
        only = ImportOptions(annotations="annotations.json", images="images")
        second = prepare(source.parent / "first", "coco", source.parent / "second", only, keep_splits=True, strict=True)
        assert second.records == first.records

    def test_planes_of_the_users_own(self, source):
        extra = save_text(
            source.parent / "extra.yaml",
            "format: fetalflex/planes\nversion: 1\nstructures:\n  foot:\n    title: Foot\n    colour: [90, 90, 90]\n"
            "    echogenicity: hyperechoic\n    typical_size: [0.3, 0.2]\nplanes:\n  foot:\n    title: Foot plane\n"
            "    outline: null\n    structures: [foot]\n",
        )
        registry = default_registry().extended_with(extra)
        write_rows(source, ["00.png,foot,10,10,50,30,foot,,"])
        report = prepare_table(source, options=ImportOptions(registry=registry))
        assert "same registry" in " ".join(report.remarks)
        assert DatasetFolder(source.parent / "out", registry)[0].layout.plane == "foot"

    def test_hidden_leftovers_are_passed_over(self, source):
        save_image(source / ".1234.partial" / "images" / "x.png")
        assert prepare_table(source, strict=True).taken == 12
