from __future__ import annotations

import numpy as np
import pytest
from data_helpers import gradient, head_layout, save_json
from data_strategies import same
from pycocotools.coco import COCO

from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.image_files import write_png
from fetalflex.data.opening import open_dataset
from fetalflex.data.records import Record
from fetalflex.errors import FetalFlexError


def items(count: int = 3):
    for number in range(count):
        width, height = 100 + number, 80
        record = Record(
            f"images/{number}.png",
            head_layout(width, height, spacing=0.1),
            patient=f"p{number}",
            split="train",
            extra={"device": "E6"},
        )
        yield record, gradient(width, height)


def test_what_is_written_opens_with_the_same_records_and_pixels(tmp_path):
    written = DatasetFolder.write(tmp_path / "set", items(), info={"description": "three"}, licenses=[{"id": 1}])
    opened = open_dataset(tmp_path / "set")
    assert isinstance(opened, DatasetFolder)
    assert opened.info == {"description": "three"}
    assert opened.licenses == [{"id": 1}]
    assert len(opened) == 3
    for mine, one, (record, pixels) in zip(written, opened, items(), strict=True):
        assert mine == one
        assert same(one, record)
        np.testing.assert_array_equal(opened.image(one), pixels)
    assert list(tmp_path.iterdir()) == [tmp_path / "set"]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_opens_it(tmp_path, capsys):
    DatasetFolder.write(tmp_path / "set", items())
    coco = COCO(str(tmp_path / "set" / "annotations.json"))
    assert len(coco.getImgIds()) == 3
    (skull,) = coco.loadAnns(coco.getAnnIds(imgIds=[1], catIds=coco.getCatIds(["skull"])))
    assert coco.annToMask(skull).sum() == pytest.approx(skull["area"], rel=0.02)


def test_an_empty_folder_may_be_filled_but_not_a_full_one(tmp_path):
    (tmp_path / "set").mkdir()
    DatasetFolder.write(tmp_path / "set", items(1))
    with pytest.raises(FetalFlexError, match="not empty"):
        DatasetFolder.write(tmp_path / "set", items(1))


def test_a_failure_leaves_no_folder(tmp_path):
    def failing():
        yield from items(2)
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        DatasetFolder.write(tmp_path / "set", failing())
    assert list(tmp_path.iterdir()) == []


def test_an_image_must_have_the_size_of_its_layout(tmp_path):
    with pytest.raises(FetalFlexError, match="90 x 80"):
        DatasetFolder.write(tmp_path / "set", [(Record("a.png", head_layout()), gradient(90, 80))])
    folder = DatasetFolder.write(tmp_path / "set", items(1))
    write_png(tmp_path / "set" / "images" / "0.png", gradient(60, 50), {}, force=True)
    with pytest.raises(FetalFlexError, match="60 x 50"):
        folder.image(folder[0])


def test_missing_images_and_folders_are_told(tmp_path):
    folder = DatasetFolder.write(tmp_path / "set", items(1))
    (tmp_path / "set" / "images" / "0.png").unlink()
    with pytest.raises(FetalFlexError, match=r"there is no image file .*0\.png"):
        folder.image(folder[0])
    with pytest.raises(FetalFlexError, match="is no data set"):
        open_dataset(tmp_path / "nowhere")


def test_annotations_without_boxes_and_licences_open(tmp_path):
    image = {"id": 1, "file_name": "a.jpg", "width": 40, "height": 30, "plane": "femur"}
    save_json(tmp_path / "annotations.json", {"categories": [], "annotations": [], "images": [image]})
    (record,) = DatasetFolder(tmp_path)
    assert record.layout.structures == ()
    assert record.layout.plane == "femur"


def test_an_image_linked_from_outside_is_refused(tmp_path):
    folder = DatasetFolder.write(tmp_path / "set", items(1))
    path = tmp_path / "set" / "images" / "0.png"
    path.rename(tmp_path / "outside.png")
    path.symlink_to(tmp_path / "outside.png")
    with pytest.raises(FetalFlexError, match="leads outside"):
        folder.image(folder[0])


def test_records_of_jpeg_files_are_written_as_png(tmp_path):
    records = [Record(name, head_layout()) for name in ("images/scan.1.JPEG", "images/scan.2", "b.png")]
    folder = DatasetFolder.write(tmp_path / "set", [(record, gradient(100, 80)) for record in records])
    assert [written.file_name for written in folder] == ["images/scan.1.png", "images/scan.2.png", "b.png"]
    assert np.array_equal(folder.image(folder[0]), gradient(100, 80))


def test_two_records_of_one_name_are_refused_and_nothing_is_left(tmp_path):
    records = [Record(name, head_layout()) for name in ("a.jpg", "a.png")]
    with pytest.raises(FetalFlexError, match=r"a\.png: another record is written as a\.png already"):
        DatasetFolder.write(tmp_path / "set", [(record, gradient(100, 80)) for record in records])
    assert list(tmp_path.iterdir()) == []
