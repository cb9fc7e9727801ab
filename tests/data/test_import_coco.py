from __future__ import annotations

import copy

import numpy as np
import pytest
from data_helpers import boxes, gradient, head_layout, read_all, reasons, save_image, save_json
from pycocotools import mask as reference

from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.records import Record
from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 100, "height": 80}],
    "categories": [{"id": 1, "name": "HC"}, {"id": 2, "name": "CSP"}, {"id": 3, "name": "elbow"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 60, 40]}],
}


def read(tmp_path, changes=None, annotations=None, **options):
    """Read a source with one image and one COCO file."""
    coco = copy.deepcopy(COCO) | (changes or {})
    if annotations is not None:
        coco["annotations"] = [{"image_id": 1, "category_id": 1, **one} for one in annotations]
    save_image(tmp_path / "images" / "a.png")
    save_json(tmp_path / "labels.json", coco)
    return read_all("coco", tmp_path, **{**PLANE, **options})


def test_boxes_and_categories_by_synonym(tmp_path):
    (item,), refusals = read(tmp_path)
    assert refusals == []
    assert item.image_path == tmp_path / "images" / "a.png"
    assert boxes(item) == [("skull", 40, 40, 60, 40, 0)]


def test_a_label_map_comes_before_the_synonyms(tmp_path):
    (item,), _ = read(tmp_path, label_map={"HC": "midline_falx"})
    assert item.layout.names() == ("midline_falx",)


def test_a_polygon_gives_an_upright_or_a_rotated_box(tmp_path):
    diamond = {"segmentation": [[50, 10, 80, 40, 50, 70, 20, 40]]}
    (item,), _ = read(tmp_path, annotations=[diamond])
    assert boxes(item) == [("skull", 50, 40, 60, 60, 0)]
    (item,), _ = read(tmp_path, annotations=[diamond | {"bbox": [20, 10, 60, 60]}], rotated=True)
    (box,) = (placed.box for placed in item.layout.structures)
    assert box.area == pytest.approx(1800)
    assert abs(box.angle) == pytest.approx(45)


@pytest.mark.parametrize("compressed", [True, False])
def test_a_run_length_mask_gives_the_box_around_its_pixels(tmp_path, compressed):
    mask = np.zeros((80, 100), np.uint8)
    mask[20:30, 40:70] = 1
    rle = reference.encode(np.asfortranarray(mask))
    counts = rle["counts"].decode() if compressed else [40 * 80 + 20, *[10, 70] * 29, 10, 50 + 30 * 80]
    annotation = {"segmentation": {"size": [80, 100], "counts": counts}, "iscrowd": 1}
    (item,), refusals = read(tmp_path, annotations=[annotation])
    assert refusals == []
    assert boxes(item) == [("skull", 55, 25, 30, 10, 0)]


def test_fields_of_the_image_are_kept_and_bookkeeping_is_not(tmp_path):
    image = COCO["images"][0] | {
        "plane": "brain-tv",
        "patient": 17,
        "source": "clinic",
        "split": "test",
        "quality": 2,
        "pixel_spacing_mm": 0.1,
        "device": "E6",
        "license": 1,
        "date_captured": "2020-01-01",
    }
    (item,), _ = read(tmp_path, {"images": [image]}, plane=None)
    assert item.layout.plane == "ventricular_transverse"
    assert item.layout.pixel_spacing_mm == 0.1
    assert (item.patient, item.source, item.split, item.quality) == ("17", "clinic", "test", 2)
    assert item.extra == {"device": "E6"}


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ({}, "neither bbox nor segmentation"),
        ({"bbox": [1, 2, 3]}, "bbox must be a list of 4 numbers"),
        ({"bbox": [1, 2, "3", 4]}, "bbox must be a number"),
        ({"bbox": [10, 20, 0, 40]}, "greater than 0"),
        ({"bbox": [200, 20, 10, 40]}, "outside the image"),
        ({"category_id": 3, "bbox": [1, 2, 3, 4]}, "unknown structure 'elbow'"),
        ({"category_id": 9, "bbox": [1, 2, 3, 4]}, "no category with the id 9"),
        ({"category_id": [1], "bbox": [1, 2, 3, 4]}, "no category with the id"),
        ({"iscrowd": 1, "bbox": [1, 2, 3, 4]}, "crowd"),
        ({"segmentation": [[1, 2, 3]]}, "odd count"),
        ({"segmentation": [[1, 1, 2, 2, 3, 3]], "category_id": 2}, None),
        ({"segmentation": [[1, 1, 5, 1, 9, 1]]}, "y0 < y1"),
        ({"segmentation": ["x"]}, "neither a list of polygons"),
        ({"segmentation": {"size": [100, 80], "counts": [8000]}}, "[80, 100]"),
        ({"segmentation": {"size": [80, 100], "counts": [8000]}}, "the mask is empty"),
    ],
)
def test_a_bad_annotation_is_refused_alone(tmp_path, annotation, reason):
    items, refusals = read(tmp_path, annotations=[annotation, {"bbox": [10, 20, 60, 40]}])
    assert len(items) == 1
    if reason is None:
        assert refusals == []
        return
    (refusal,) = refusals
    assert refusal.where == "labels.json annotations[0]"
    assert reason in refusal.reason


def test_images_and_annotations_that_miss_each_other_are_refused(tmp_path):
    images = [*COCO["images"], {"id": 2, "file_name": "none.png"}, {"id": 3}, "x"]
    orphans = [
        {"image_id": 2, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"image_id": 77, "category_id": 1, "bbox": [1, 2, 3, 4]},
        {"category_id": 1, "bbox": [1, 2, 3, 4]},
    ]
    save_image(tmp_path / "images" / "b.png")
    items, refusals = read(tmp_path, {"images": images, "annotations": [*COCO["annotations"], *orphans]})
    assert len(items) == 1
    assert [refusal.where for refusal in refusals] == [
        "labels.json annotations[2]",
        "labels.json annotations[3]",
        "labels.json images[1]",
        "labels.json annotations[1]",
        "labels.json images[2]",
        "labels.json images[3]",
        "images/b.png",
    ]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"width": 90}, "for 90 x 80 pixels"),
        ({"file_name": "b.png"}, "there is no image"),
        ({"file_name": "../b.png"}, "leads out"),
        ({"file_name": "/etc/b.png"}, "there is no image"),
        ({"plane": "elbow"}, "unknown plane"),
        ({"split": "holdout"}, "holdout"),
        ({"quality": "good"}, "quality"),
        ({"patient": ["x"]}, "patient"),
        ({"pixel_spacing_mm": "0.1"}, "pixel_spacing_mm"),
        ({"id": None}, "has no id"),
    ],
)
def test_a_bad_image_entry_is_refused(tmp_path, changes, reason):
    items, refusals = read(tmp_path, {"images": [COCO["images"][0] | changes]})
    assert items == []
    assert reason in reasons(refusals)


def test_without_a_plane_every_image_is_refused_with_the_remedy(tmp_path):
    items, refusals = read(tmp_path, plane=None)
    assert items == []
    assert "option plane" in refusals[0].reason


def test_an_export_with_one_file_for_each_split(tmp_path):
    for number, split in enumerate(("train", "valid", "test")):
        coco = copy.deepcopy(COCO)
        coco["images"][0]["file_name"] = f"{number}.png"
        save_image(tmp_path / split / f"{number}.png")
        save_json(tmp_path / split / "_annotations.coco.json", coco)
    items, refusals = read_all("coco", tmp_path, **PLANE)
    assert refusals == []
    assert {item.image_path.name: item.split for item in items} == {"0.png": "train", "1.png": "val", "2.png": "test"}


def test_the_split_in_a_file_name(tmp_path):
    save_image(tmp_path / "a.png")
    save_json(tmp_path / "annotations" / "instances_val2017.json", COCO)
    (item,), _ = read_all("coco", tmp_path, **PLANE)
    assert item.split == "val"


def test_other_json_files_are_refused_and_a_source_without_coco_raises(tmp_path):
    save_json(tmp_path / "report.json", {"taken": 3})
    with pytest.raises(FetalFlexError, match=r"holds no COCO file; report\.json: this is no COCO file"):
        read_all("coco", tmp_path, **PLANE)
    items, refusals = read(tmp_path)
    assert len(items) == 1
    assert [refusal.where for refusal in refusals] == ["report.json"]
    (tmp_path / "labels.json").write_text("{")
    (tmp_path / "report.json").unlink()
    with pytest.raises(FetalFlexError, match="not valid JSON"):
        read_all("coco", tmp_path, **PLANE)


def data_set_folder(folder):
    """A data set folder with what `detect` and `prepare` write beside images and annotations."""
    record = Record("images/0.png", head_layout(spacing=0.2))
    DatasetFolder.write(folder, [(record, gradient(100, 80))])
    save_json(folder / "detections.json", {"images": []})
    (folder / "layouts").mkdir()
    record.layout.save(folder / "layouts" / "0.layout.json")
    save_image(folder / "review-1.png")
    return record


@pytest.mark.parametrize("options", [{}, {"keep_unannotated": True}])
def test_layouts_reports_and_sheets_of_a_data_set_folder_are_passed_over(tmp_path, options):
    record = data_set_folder(tmp_path / "set")
    items, refusals = read_all("coco", tmp_path / "set", **options)
    assert [item.layout for item in items] == [record.layout]
    assert refusals == []


def test_other_coco_files_and_images_of_a_data_set_folder_are_not_passed_over(tmp_path):
    folder = tmp_path / "set"
    data_set_folder(folder)
    save_json(folder / "more.json", COCO)
    save_image(folder / "images" / "a.png")
    save_image(folder / "images" / "b.png")
    items, refusals = read_all("coco", folder, **PLANE)
    assert {item.image_path.name for item in items} == {"0.png", "a.png"}
    assert [refusal.where for refusal in refusals] == ["images/b.png"]


def test_a_data_set_folder_comes_through_as_it_is(tmp_path):
    records = [
        Record("images/0.png", head_layout(spacing=0.2), patient="p0", split="val", quality=3, extra={"device": "E6"})
    ]
    DatasetFolder.write(tmp_path / "set", [(record, gradient(100, 80)) for record in records])
    (item,), refusals = read_all("coco", tmp_path / "set")
    assert refusals == []
    assert item.layout.structures[0] == records[0].layout.structures[0]
    assert (item.patient, item.split, item.quality, item.extra) == ("p0", "val", 3, {"device": "E6"})
    assert item.layout.pixel_spacing_mm == 0.2
