from __future__ import annotations

from dataclasses import replace

import pytest
from data_helpers import read_all
from data_strategies import same
from export_helpers import SCAN, export_records, files_in
from pycocotools.coco import COCO

from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.records import Record
from fetalflex.files import MARKER


def test_it_is_a_data_set_folder_with_class_labels_in_extra_fields(tmp_path):
    other = replace(SCAN, file_name="images/b.png", extra={"class": "double bubble", "seed": 3})
    export_records([SCAN, other], "coco", tmp_path / "out")
    files = [MARKER, "README.md", "annotations.json", "images/b.png", "images/scan.png"]
    assert sorted(files_in(tmp_path / "out")) == files
    assert all(same(one, two) for one, two in zip(DatasetFolder(tmp_path / "out"), [SCAN, other], strict=True))


def test_the_importer_reads_it_without_a_refusal(tmp_path):
    export_records([SCAN], "coco", tmp_path / "out")
    (item,), refusals = read_all("coco", tmp_path / "out")
    assert refusals == []
    assert same(Record(SCAN.file_name, item.layout), Record(SCAN.file_name, SCAN.layout))


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_it(tmp_path, capsys):
    export_records([SCAN, replace(SCAN, file_name="b.png")], "coco", tmp_path / "out")
    coco = COCO(str(tmp_path / "out" / "annotations.json"))
    assert [image["class"] for image in coco.loadImgs(coco.getImgIds())] == ["normal", "normal"]
    abdomen, stomach = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    assert stomach["bbox"] == [10.25, 20, 19.75, 20]
    assert coco.annToMask(abdomen).sum() == pytest.approx(SCAN.layout.structures[0].box.area, rel=0.02)
