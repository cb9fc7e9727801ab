from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.cli.export import FORMATS
from fetalflex.data import DatasetFolder, Record, open_dataset, pack
from fetalflex.data.exporters import EXPORTERS

FOUR = 4


@pytest.fixture
def dataset(workplace: Path) -> Path:
    """A data set `set` of four images in the working directory: two to train on, of two planes and classes."""
    records = [
        Record(
            f"images/{number}.png",
            replace(LAYOUT, plane="femur", structures=()) if number == 1 else LAYOUT,
            patient=f"p{number}",
            split=split,
            extra={"class": "normal" if number else "double bubble"},
        )
        for number, split in enumerate(["train", "train", "val", "test"])
    ]
    shape = (LAYOUT.height, LAYOUT.width)
    DatasetFolder.write(workplace / "set", [(r, np.full(shape, 50 * i, np.uint8)) for i, r in enumerate(records)])
    return workplace


def images_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))


def test_the_formats_of_the_help_are_those_there_are() -> None:
    assert FORMATS.split(", ") == list(EXPORTERS)


@pytest.mark.parametrize("format", EXPORTERS)
def test_every_format_is_written(run: RunCommand, dataset: Path, format: str) -> None:
    result = run("export", "set", "--format", format, "--out", "out")
    assert result.stdout.startswith("4 images (2 train, 1 val, 1 test) with 6 boxes.\n")
    assert "\nIt is in out. " in result.stdout
    assert (dataset / "out" / "README.md").is_file()


def test_licences_come_along(run: RunCommand, dataset: Path) -> None:
    annotations = dataset / "set" / "annotations.json"
    content = json.loads(annotations.read_text()) | {"licenses": [{"id": 1, "name": "CC0"}]}
    annotations.write_text(json.dumps(content))
    run("export", "set", "--format", "voc", "--out", "out")
    assert "Licences of the images: 1 CC0." in (dataset / "out" / "README.md").read_text()


def test_yolo_goes_there_and_back(run: RunCommand, dataset: Path) -> None:
    run("export", "set", "--format", "yolo", "--out", "yolo")
    run("prepare", "yolo", "--format", "yolo", "--keep-splits", "--keep-unannotated", "--out", "again")
    before = {record.file_name: record for record in open_dataset(dataset / "set")}
    after = {record.file_name: record for record in open_dataset(dataset / "again")}
    assert {name: (r.patient, r.split, r.extra) for name, r in after.items()} == {
        name: (r.patient, r.split, r.extra) for name, r in before.items()
    }
    assert all(after[name].layout.names() == record.layout.names() for name, record in before.items())


def test_shards_are_a_data_set_for_other_commands(run: RunCommand, dataset: Path) -> None:
    run("export", "set", "--format", "webdataset", "--shard-images", "1", "--out", "shards")
    assert len(list((dataset / "shards").glob("*.tar"))) == FOUR
    run("export", "shards", "--format", "coco", "--out", "again")
    before = {record.file_name: record for record in open_dataset(dataset / "set")}
    after = {record.file_name: record for record in open_dataset(dataset / "again")}
    assert before == after


def test_a_split_a_plane_and_a_packed_file_may_be_chosen(run: RunCommand, dataset: Path) -> None:
    pack([DatasetFolder(dataset / "set")], dataset / "set.safetensors")
    run("export", "set.safetensors", "--format", "voc", "--split", "train", "--plane", "Femur", "--out", "out")
    assert images_in(dataset / "out") == ["JPEGImages/1.png"]


def test_classes_come_from_a_field(run: RunCommand, dataset: Path) -> None:
    options = ("--format", "class_folders", "--class-field", "class", "--split", "train")
    run("export", "set", *options, "--out", "out")
    assert images_in(dataset / "out") == ["train/double_bubble/0.png", "train/normal/1.png"]


def test_json_and_force(run: RunCommand, dataset: Path) -> None:
    run("export", "set", "--format", "voc", "--out", "out")
    result = run("export", "set", "--format", "voc", "--split", "val", "--out", "out", "--force", "--json")
    content = json.loads(result.stdout)
    assert (content["format"], content["folder"], content["images"]) == ("voc", "out", 1)
    assert images_in(dataset / "out") == ["JPEGImages/2.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set", "--format", "dicom"], "unknown export format 'dicom'; choose one of coco, yolo"),
        (["none", "--format", "yolo"], "none is no data set"),
        (["set", "--format", "yolo", "--split", "dev"], "split 'dev' is unknown"),
        (["set", "--format", "yolo", "--plane", "elbow"], "unknown plane 'elbow'"),
        (["set", "--format", "yolo", "--plane", "facial_sagittal"], "set holds no such image; it has 4 in all"),
        (["set", "--format", "yolo", "--class-field", "class"], "--class-field is for the format class_folders"),
        (["set", "--format", "voc", "--shard-mib", "1"], "--shard-mib is for the format webdataset"),
        (["set", "--format", "class_folders", "--class-field", "grade"], "the class field 'grade' is None"),
    ],
)
def test_bad_input_is_told_in_one_line(run: RunCommand, dataset: Path, arguments: list[str], message: str) -> None:
    result = run("export", *arguments, "--out", "out", code=2)
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (dataset / "out").exists()


def test_a_missing_image_stops_it(run: RunCommand, dataset: Path) -> None:
    (dataset / "set" / "images" / "2.png").unlink()
    assert "there is no image file" in run("export", "set", "--format", "yolo", "--out", "out", code=2).stderr
    assert not (dataset / "out").exists()


@pytest.mark.parametrize("out", ["set", "."])
def test_the_data_set_itself_is_never_replaced(run: RunCommand, dataset: Path, out: str) -> None:
    result = run("export", "set", "--format", "coco", "--split", "val", "--out", out, "--force", code=2)
    assert "is or holds the data set set itself" in result.stderr
    assert len(open_dataset(dataset / "set")) == FOUR


def test_a_full_folder_is_in_the_way(run: RunCommand, dataset: Path) -> None:
    (dataset / "out").mkdir()
    (dataset / "out" / "thesis.txt").touch()
    assert "already there" in run("export", "set", "--format", "voc", "--out", "out", code=2).stderr
    forced = run("export", "set", "--format", "voc", "--out", "out", "--force", code=2)
    assert "not even by force" in forced.stderr
