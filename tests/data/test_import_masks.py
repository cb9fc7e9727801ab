from __future__ import annotations

import numpy as np
import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image, save_text
from PIL import Image

from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
HEAD = FIXTURES / "head_biometry" / "Trans-ventricular"
INDEX = {"label_map": {"1": "skull", "2": "CSP"}}


def index_mask() -> np.ndarray:
    """Return values of one skull and two cavum components, one of them of 4 pixels, on 100 x 80 pixels."""
    mask = np.zeros((80, 100), np.uint8)
    mask[20:60, 10:70] = 1
    mask[30:36, 40:50] = 2
    mask[70:72, 90:92] = 2
    return mask


def read(root, pixels, name="a.png", folder="masks", **options):
    save_image(root / "images" / "a.png")
    path = root / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path)
    return read_all("masks", root, **{**PLANE, **options})


def test_each_component_of_an_index_mask_becomes_a_box(tmp_path):
    (item,), (refusal,) = read(tmp_path, index_mask(), **INDEX)
    assert boxes(item) == [("skull", 40, 40, 60, 40, 0), ("cavum_septi_pellucidi", 45, 33, 10, 6, 0)]
    assert refusal.where == "masks/a.png value 2"
    assert "1 components of '2' below 25 pixels are left out, the largest of 4" in refusal.reason
    (item,), refusals = read(tmp_path, index_mask(), min_area=4, **INDEX)
    assert refusals == []
    assert len(item.layout.structures) == 3


@pytest.mark.parametrize("name", ["a.png", "a_mask.png", "a_Annotation.png", "a_seg.tif"])
def test_a_mask_has_the_name_of_its_image(tmp_path, name):
    items, _ = read(tmp_path, index_mask(), name=name, **INDEX)
    assert len(items) == 1


def test_values_may_be_named_by_a_list(tmp_path):
    save_text(tmp_path / "labels.txt", "background\nHC\nCSP\n")
    (item,), _ = read(tmp_path, index_mask())
    assert item.layout.names() == ("cavum_septi_pellucidi", "skull")


def test_a_list_must_begin_with_the_background(tmp_path):
    save_text(tmp_path / "labels.txt", "HC\nCSP\n")
    with pytest.raises(FetalFlexError, match="first line must be 'background'"):
        read(tmp_path, index_mask())


@pytest.mark.parametrize("keys", [("#FF0000", "0,0,255"), ("255, 0, 0", "#0000ff")])
@pytest.mark.parametrize("form", ["RGB", "RGBA", "P"])
def test_colours_of_any_kind_of_image(tmp_path, keys, form):
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 0, 255]], np.uint8)
    if form == "P":
        image = Image.fromarray(index_mask()).convert("P")
        image.putpalette(palette.ravel().tolist())
    else:
        image = Image.fromarray(palette[index_mask()]).convert(form)
    (item,), _ = read(tmp_path, image, label_map=dict(zip(keys, ("skull", "CSP"), strict=True)))
    assert boxes(item) == [("cavum_septi_pellucidi", 45, 33, 10, 6, 0), ("skull", 40, 40, 60, 40, 0)]


def test_values_without_a_label_are_refused_together(tmp_path):
    (item,), refusals = read(tmp_path, index_mask(), label_map={"1": "skull"})
    assert item.layout.names() == ("skull",)
    assert [refusal.reason for refusal in refusals] == ["64 pixels with 1 values that have no label (2)"]


def test_a_published_mask_with_its_list_of_colours():
    (item,), refusals = read_all("masks", HEAD, plane="ventricular_transverse", rotated=True, min_area=100)
    (ventricle,) = item.layout.find("lateral_ventricle")
    assert ventricle.box.angle == pytest.approx(-11.2, abs=0.3)
    assert ventricle.box.width == pytest.approx(85.7, abs=2)
    assert item.layout.find("skull")[0].box.corners() == (125, 30, 790, 561)
    (refusal,) = refusals
    assert refusal.where == "SegmentationClass/Patient01782_Plane3_1_of_2.png"
    assert "there is no image" in refusal.reason


@pytest.mark.parametrize(
    ("pixels", "options", "reason"),
    [
        (index_mask()[:, :90], INDEX, "for 90 x 80 pixels"),
        (np.zeros((80, 100), np.uint8), INDEX, "no usable box"),
        (np.stack([index_mask(), index_mask(), index_mask() * 0], -1), INDEX, "no index values"),
        (index_mask(), {"label_map": {"1": "stomach"}}, "no structure of the plane"),
        (index_mask(), {"label_map": {"1": "ignore", "2": "ignore"}}, "left out, as label_map says"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(tmp_path, pixels, options, reason):
    items, refusals = read(tmp_path, pixels, **options)
    assert items == []
    assert reason in reasons(refusals)


def test_damaged_and_lonely_files_are_refused(tmp_path):
    save_image(tmp_path / "images" / "b.png")
    save_text(tmp_path / "masks" / "b.png", "x")
    items, refusals = read(tmp_path, index_mask(), name="c.png", **INDEX)
    assert items == []
    text = reasons(refusals)
    assert "masks/b.png: masks/b.png is no readable image" in text
    assert "masks/c.png: there is no image 'c'" in text
    assert "images/a.png: no usable annotation" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "nowhere what its mask values mean"),
        ({"label_map": {"1": "skull", "#ff0000": "CSP"}}, "both index values and colours"),
        ({"label_map": {"256,0,0": "skull"}}, "above 255"),
        ({"label_map": {"HC": "skull"}}, "nowhere"),
    ],
)
def test_values_must_have_a_meaning(tmp_path, options, message):
    with pytest.raises(FetalFlexError, match=message):
        read(tmp_path, index_mask(), **options)


def test_a_bad_list_of_colours_raises_with_its_line(tmp_path):
    save_text(tmp_path / "labelmap.txt", "# comment\nHC:255,0::\n")
    with pytest.raises(FetalFlexError, match=r"labelmap\.txt line 2"):
        read(tmp_path, index_mask())


def test_masks_need_a_folder_of_their_own(tmp_path):
    save_image(tmp_path / "a.png")
    with pytest.raises(FetalFlexError, match="name the folder with the option annotations"):
        read_all("masks", tmp_path, **PLANE, **INDEX)
    (item,), _ = read(tmp_path, index_mask(), folder="drawn", annotations="drawn", images="images", **INDEX)
    assert item.image_path == tmp_path / "images" / "a.png"


@pytest.mark.parametrize("annotations", [None, "scans"])
def test_masks_beside_their_images_come_together(tmp_path, annotations):
    save_image(tmp_path / "scans" / "h (1).png")
    for ending, columns in (("", slice(10, 30)), ("_1", slice(60, 80))):
        mask = np.zeros((80, 100), np.uint8)
        mask[20:40, columns] = 255
        Image.fromarray(mask).save(tmp_path / "scans" / f"h (1)_mask{ending}.png")
    (item,), refusals = read_all("masks", tmp_path, annotations=annotations, label_map={"255": "skull"}, **PLANE)
    assert refusals == []
    assert sorted(box[1] for box in boxes(item)) == [20, 70]
