"""A synthetic image stays one, whatever it is exported as and read from."""

from __future__ import annotations

import io
import itertools
import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from data_helpers import save_image
from export_helpers import READERS, SCAN
from PIL import Image, PngImagePlugin

from fetalflex.data import (
    Dataset,
    DatasetFolder,
    PackedDataset,
    Record,
    contact_sheet,
    open_dataset,
    pack,
    read_png_text,
)
from fetalflex.data.exporters import EXPORTERS
from fetalflex.data.exporting import export
from fetalflex.data.importers import ImportOptions
from fetalflex.data.preparation import prepare
from fetalflex.data.real_only import check_real, real_part
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import NOTICE, SYNTHETIC_LIST, mark_in_bytes, mark_of_fields, mark_of_image

MADE = {"label": "abnormal", "anomaly": "dilated_stomach", "seed": 7, "model": "mini-1", "source_image": "real.png"}
RECORDS = [
    replace(SCAN, file_name="images/real.png", patient="p1", extra={}),
    replace(SCAN, file_name="images/made.png", patient="p1", extra={"synthetic": True, **MADE}),
    replace(SCAN, file_name="images/other.png", patient="p2", split="val", extra={"synthetic": True, "seed": 8}),
]
IMPORTERS = {**READERS, "coco": ("coco", {})}
"""Export format to the importer that reads it and its options; shards are a data set as they are."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(contact_sheet, "_PICTURE", (48, 32))
    monkeypatch.setattr(os, "fsync", lambda _: None)


def picture(record: Record) -> np.ndarray:
    """Return smooth grey values that depend on the record's name, `(H, W) uint8`."""
    rng = np.random.default_rng(list(record.file_name.encode()))
    coarse = Image.fromarray(rng.integers(0, 255, (6, 8), dtype=np.uint8))
    return np.asarray(coarse.resize((record.layout.width, record.layout.height), Image.Resampling.BICUBIC))


def exported(format: str, out: Path, dataset: Dataset | None = None) -> Path:
    if dataset is None:
        export(((record, picture(record)) for record in RECORDS), format, out)
    else:
        export(((dataset.marked(record), dataset.image(record)) for record in dataset), format, out)
    return out


def read_back(format: str, folder: Path, out: Path) -> Dataset:
    """Return an export as the data set that `prepare` makes of it, or as what it is."""
    if format not in IMPORTERS:
        return open_dataset(folder)
    importer, options = IMPORTERS[format]
    prepare(folder, importer, out, ImportOptions(plane="abdominal_transverse", **options))
    return DatasetFolder(out)


def synthetic_names(dataset: Dataset) -> list[str]:
    """Return what the records that say that they are synthetic were called, sorted."""
    marked = [record for record in dataset if mark_of_fields(record.extra) is not None]
    return sorted(re.sub(r"_\d+$", "", Path(record.file_name).stem) for record in marked)


def check(dataset: Dataset) -> None:
    """Check that all but one image of a data set say what they are, in records and files, and that one does not."""
    assert synthetic_names(dataset) == ["made", "other"]
    real, left_out = real_part(dataset)
    assert (len(real), left_out) == (1, 2)
    with pytest.raises(FetalFlexError, match="2 of 3 images are synthetic"):
        check_real(((dataset, record) for record in dataset), "sources", "say so")
    if isinstance(dataset, DatasetFolder):
        for record in dataset:
            text = read_png_text(dataset.image_path(record)) if record.file_name.endswith(".png") else {}
            assert (text.get("Synthetic") == "true") == (mark_of_fields(record.extra) is not None)
        assert (dataset.root / SYNTHETIC_LIST).is_file()


def facts_of(dataset: Dataset) -> dict[str, object]:
    (made,) = [record for record in dataset if Path(record.file_name).stem == "made"]
    return {name: made.extra.get(name) for name in MADE}


# What a stranger may do to an export before it is read again.


def without_text(folder: Path) -> None:
    for path in folder.rglob("*.png"):
        with Image.open(path) as image:
            pixels = np.asarray(image)
        Image.fromarray(pixels).save(path)


def saved_as_jpeg(folder: Path) -> None:
    """Save every image with losses, under its old name, which readers do not mind."""
    for path in folder.rglob("*.png"):
        buffer = io.BytesIO()
        with Image.open(path) as image:
            image.save(buffer, "JPEG", quality=85)
        path.write_bytes(buffer.getvalue())


def without_records(folder: Path) -> None:
    """Take away all that annotations and lists of records say of being synthetic."""
    (folder / "records.jsonl").unlink(missing_ok=True)
    for path in folder.glob("Annotations/*.xml"):
        path.write_text(re.sub("<source>.*</source>", "", path.read_text(), flags=re.DOTALL))
    if (table := folder / "boxes.csv").exists():
        table.write_text(re.sub(r",(true|false|synthetic)$", "", table.read_text(), flags=re.MULTILINE))
    if (annotations := folder / "annotations.json").exists():
        coco = json.loads(annotations.read_text())
        known = ("id", "file_name", "width", "height", "plane", "patient")
        coco["images"] = [{key: image[key] for key in known if key in image} for image in coco["images"]]
        coco["info"] = {}
        annotations.write_text(json.dumps(coco))


def without_list(folder: Path) -> None:
    (folder / SYNTHETIC_LIST).unlink()


LOSSES: dict[str, tuple[Callable[[Path], None], ...]] = {
    "nothing": (),
    "text": (without_text,),
    "records": (without_records,),
    "list": (without_list,),
    "text and records": (without_text, without_records),
    "text and list": (without_text, without_list),
    "records and list": (without_records, without_list),
    "lossless text, and records": (saved_as_jpeg, without_records),
}


@pytest.mark.parametrize("lost", LOSSES)
@pytest.mark.parametrize("format", IMPORTERS)
def test_one_of_three_places_is_enough(tmp_path, format, lost):
    folder = exported(format, tmp_path / "export")
    for lose in LOSSES[lost]:
        lose(folder)
    dataset = read_back(format, folder, tmp_path / "data")
    check(dataset)
    names = ("seed", "model") if "records" in lost else MADE
    assert {name: facts_of(dataset)[name] for name in names} == {name: MADE[name] for name in names}


@pytest.mark.parametrize(("first", "second"), list(itertools.product(EXPORTERS, EXPORTERS)))
def test_all_pairs_of_formats_keep_the_mark(tmp_path, first, second):
    dataset = read_back(first, exported(first, tmp_path / "a"), tmp_path / "b")
    again = read_back(second, exported(second, tmp_path / "c", dataset), tmp_path / "d")
    check(again)
    assert facts_of(again) == MADE


@pytest.mark.parametrize("format", EXPORTERS)
class TestEveryExport:
    def test_its_page_says_so(self, tmp_path, format):
        result = export(((record, picture(record)) for record in RECORDS), format, tmp_path / "out")
        page = (tmp_path / "out" / "README.md").read_text()
        assert "2 of 3 images are synthetic" in page
        assert NOTICE in page
        assert result.synthetic == 2
        assert "2 of them are synthetic" in result.summary()

    def test_its_images_say_so_and_real_ones_say_nothing(self, tmp_path, format):
        folder = exported(format, tmp_path / "out")
        if format == "webdataset":
            dataset = open_dataset(folder)
            said = {record.file_name: dataset.mark(replace(record, extra={})) for record in dataset}
        else:
            said = {path.name: mark_in_bytes(path.read_bytes()) for path in folder.rglob("*.png")}
        assert {Path(name).stem: mark is not None for name, mark in said.items()} == {
            "real": False,
            "made": True,
            "other": True,
        }

    def test_an_export_of_real_images_has_no_list_and_no_word_of_it(self, tmp_path, format):
        export([(RECORDS[0], picture(RECORDS[0]))], format, tmp_path / "out")
        assert not (tmp_path / "out" / SYNTHETIC_LIST).exists()
        texts = [path.read_text() for path in (tmp_path / "out").rglob("*") if path.suffix in (".md", ".yaml", ".xml")]
        assert not any("ynthetic" in text for text in texts)


def test_annotations_of_each_format_say_so(tmp_path):
    for format in ("yolo", "voc", "class_folders", "coco"):
        exported(format, tmp_path / format)
    comment, _, rest = (tmp_path / "yolo" / "data.yaml").read_text().partition("\n")
    assert comment.startswith("# 2 images are synthetic")
    assert set(yaml.safe_load(rest)) == {"train", "val", "names"}
    assert NOTICE in (tmp_path / "voc" / "Annotations" / "made.xml").read_text()
    assert "source" not in (tmp_path / "voc" / "Annotations" / "real.xml").read_text()
    assert "made.png,abdomen,50,40,60.5,50,30,true" in (tmp_path / "class_folders" / "boxes.csv").read_text()
    info = json.loads((tmp_path / "coco" / "annotations.json").read_text())["info"]
    assert (info["synthetic_images"], info["notice"]) == (2, NOTICE)


def test_pack_keeps_the_mark_in_annotation_and_comment(tmp_path):
    dataset = DatasetFolder(exported("coco", tmp_path / "data"))
    pack([dataset], tmp_path / "packed.safetensors", size=64)
    packed = PackedDataset(tmp_path / "packed.safetensors")
    check(packed)
    assert facts_of(packed) == MADE
    assert [packed.mark(replace(record, extra={})) is not None for record in packed] == [False, True, True]


class TestWithoutAnnotationsOfTheirOwn:
    """Pictures that say what they are, with annotations that do not."""

    def test_a_folder_with_annotations_of_others(self, tmp_path):
        folder = exported("coco", tmp_path / "data")
        without_records(folder)
        without_list(folder)
        dataset = DatasetFolder(folder)
        assert synthetic_names(dataset) == []
        marked = [dataset.marked(record) for record in dataset]
        assert [record.extra.get("seed") for record in marked] == [None, 7, 8]
        without_text(folder)
        assert all(dataset.mark(record) is None for record in DatasetFolder(folder))

    def test_a_list_in_the_folder_tells(self, tmp_path):
        folder = exported("coco", tmp_path / "data")
        without_records(folder)
        without_text(folder)
        dataset = DatasetFolder(folder)
        assert [dataset.mark(record) is not None for record in dataset] == [False, True, True]

    def test_a_missing_image_says_nothing(self, tmp_path):
        folder = exported("coco", tmp_path / "data")
        without_records(folder)
        dataset = DatasetFolder(folder)
        (folder / "images" / "made.png").unlink()
        assert dataset.mark(dataset[1]) is None


def test_the_report_says_so_and_notes_what_only_pixels_told(tmp_path):
    folder = exported("voc", tmp_path / "export")
    without_text(folder)
    without_records(folder)
    report = prepare(folder, "voc", tmp_path / "data", ImportOptions(plane="abdominal_transverse"))
    assert any(remark.startswith("2 of 3 images are synthetic") for remark in report.remarks)
    noted = [note for note in report.notes if "taken as synthetic" in note.reason]
    assert sorted(note.where for note in noted) == ["JPEGImages/made.png", "JPEGImages/other.png"]
    assert read_png_text(tmp_path / "data" / "contact_sheet.png")["Synthetic"] == "true"


def test_a_real_source_gives_no_word_of_it(tmp_path):
    save_image(tmp_path / "scans" / "a.png")
    (tmp_path / "scans" / "boxes.csv").write_text("file,label,x0,y0,x1,y1\na.png,femur,10,10,50,30\n")
    prepare(tmp_path / "scans", "table", tmp_path / "data", ImportOptions(plane="femur"))
    assert not (tmp_path / "data" / SYNTHETIC_LIST).exists()
    assert "ynthetic" not in (tmp_path / "data" / "annotations.json").read_text()
    assert "ynthetic" not in (tmp_path / "data" / "report.md").read_text()
    assert "Synthetic" not in read_png_text(tmp_path / "data" / "contact_sheet.png")
    assert (tmp_path / "data" / "images" / "a.png").read_bytes() == (tmp_path / "scans" / "a.png").read_bytes()


class TestCopiesInOneSource:
    """A synthetic image beside a copy of itself that does not say so: neither passes for real."""

    @staticmethod
    def source(folder: Path, files: dict[str, bytes]) -> Path:
        folder.mkdir()
        rows = ["file,label,x0,y0,x1,y1"]
        for name, content in files.items():
            (folder / name).write_bytes(content)
            rows.append(f"{name},stomach,5,5,20,20")
        (folder / "boxes.csv").write_text("\n".join(rows))
        return folder

    @staticmethod
    def encoded(pixels: np.ndarray, text: bool, **options: object) -> bytes:
        buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
        if text:
            info.add_text("Synthetic", "true")
            options["pnginfo"] = info
        Image.fromarray(pixels).save(buffer, **{"format": "PNG", **options})
        return buffer.getvalue()

    @pytest.mark.parametrize(
        "copy",
        [
            lambda pixels: TestCopiesInOneSource.encoded(pixels, text=False),
            lambda pixels: TestCopiesInOneSource.encoded(pixels, text=False, format="JPEG", quality=90),
            lambda pixels: TestCopiesInOneSource.encoded(pixels[:, ::-1].copy(), text=False),
        ],
    )
    @pytest.mark.parametrize("names", [("a", "z"), ("z", "a")])
    def test_a_copy_is_synthetic_too_whichever_comes_first(self, tmp_path, copy, names):
        pixels, real = picture(RECORDS[1]), picture(RECORDS[0])
        files = {
            f"{names[0]}.jpg": copy(pixels),
            f"{names[1]}.png": self.encoded(pixels, text=True),
            "real.png": self.encoded(real, text=False),
        }
        source = self.source(tmp_path / "source", dict(sorted(files.items())))
        prepare(source, "table", tmp_path / "out", ImportOptions(plane="abdominal_transverse"))
        dataset = DatasetFolder(tmp_path / "out")
        marked = {Path(record.file_name).name: record.extra.get("synthetic", False) for record in dataset}
        assert marked.pop("real.png") is False
        assert marked
        assert all(marked.values())
        for record in dataset:
            if record.extra.get("synthetic"):
                assert read_png_text(tmp_path / "out" / record.file_name)["Synthetic"] == "true"
        assert real_part(dataset)[1] == len(marked)

    def test_a_folder_inside_an_export_is_known_by_the_list_above(self, tmp_path):
        for format in ("yolo", "voc", "class_folders", "coco"):
            folder = exported(format, tmp_path / format)
            images = sorted(folder.rglob("*.png"))
            for image in images:
                Image.fromarray(np.asarray(Image.open(image))).save(image)
            inner = images[0].parent
            known = [mark_of_image(image, np.asarray(Image.open(image))) for image in sorted(inner.glob("*.png"))]
            assert len([mark for mark in known if mark is not None]) == len(known) - (
                1 if (inner / "real.png").exists() else 0
            )
