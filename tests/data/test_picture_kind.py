from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fetalflex.anatomy import Layout, default_registry
from fetalflex.cli.inputs import read_mask
from fetalflex.cli.scans import read_scan
from fetalflex.data import DatasetFolder, read_image
from fetalflex.data.image_files import read_mask as read_label_mask
from fetalflex.data.picture_kind import picture_kind, shared_nominal
from fetalflex.data.preparation import prepare
from fetalflex.detection.sources import image_sources
from fetalflex.errors import FetalFlexError

BRIGHTEST = {"dim.png": 1020, "bright.png": 1030, "full.png": 4095}


def deep(path: Path, brightest: int) -> None:
    rows = np.linspace(0, brightest, 64 * 48).reshape(48, 64).astype(np.uint16)
    Image.fromarray(rows).save(path)


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Three pictures of 12 bits with a box each, as COCO; two of them never come near white."""
    folder = tmp_path / "scans"
    folder.mkdir()
    for name, brightest in BRIGHTEST.items():
        deep(folder / name, brightest)
    images = [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(BRIGHTEST)]
    boxes = [{"id": i, "image_id": i, "category_id": 1, "bbox": [10, 8, 30, 22]} for i in range(len(images))]
    coco = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "skull"}]}
    (folder / "a.json").write_text(json.dumps(coco))
    return folder


def ways(scans: Path, out: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the pictures as each command that reads many of them sees them."""
    from fetalflex.data.importers import ImportOptions

    prepare(scans, "coco", out / "set", ImportOptions(plane="thalamic_transverse"))
    prepared = DatasetFolder(out / "set")
    (out / "by hand" / "images").mkdir(parents=True)
    for name in BRIGHTEST:
        (out / "by hand" / "images" / name).write_bytes((scans / name).read_bytes())
    coco = json.loads((out / "set" / "annotations.json").read_text())
    (out / "by hand" / "annotations.json").write_text(json.dumps(coco))
    by_hand = DatasetFolder(out / "by hand")
    return {
        "prepare": {Path(record.file_name).name: prepared.image(record) for record in prepared},
        "data set": {Path(record.file_name).name: by_hand.image(record) for record in by_hand},
        "detect": {f"{one.stem}.png": one.read() for one in image_sources([scans], default_registry())},
    }


def test_pictures_of_one_device_share_one_scale_wherever_many_are_read(scans: Path, tmp_path: Path) -> None:
    for way, pictures in ways(scans, tmp_path).items():
        assert pictures.keys() == BRIGHTEST.keys(), way
        for name, pixels in pictures.items():
            assert pixels.max() == pytest.approx(255 * BRIGHTEST[name] / 4095, abs=1), (way, name)
    report = (tmp_path / "set" / "report.md").read_text()
    assert "3 of 3 images have more than 8 bits a pixel" in report
    assert "12 bits" in report


def test_devices_that_are_named_have_a_scale_each(scans: Path, tmp_path: Path) -> None:
    from fetalflex.data.importers import ImportOptions

    coco = json.loads((scans / "a.json").read_text())
    for entry in coco["images"]:
        entry["device"] = "other" if entry["file_name"] == "dim.png" else "one"
    (scans / "a.json").write_text(json.dumps(coco))
    prepare(scans, "coco", tmp_path / "set", ImportOptions(plane="thalamic_transverse"))
    dataset = DatasetFolder(tmp_path / "set")
    brightest = {Path(record.file_name).name: int(dataset.image(record).max()) for record in dataset}
    assert brightest == {"dim.png": 254, "bright.png": 64, "full.png": 255}


def test_one_picture_alone_is_scaled_by_itself(scans: Path) -> None:
    assert read_image(scans / "dim.png").max() == 254
    assert shared_nominal([scans / "dim.png", scans / "a.json"]) == 1023


@pytest.mark.parametrize(("mode", "told"), [("L", None), ("RGB", None), ("colour", "in colour"), ("I;16", "12 bits")])
def test_what_grey_has_no_place_for_is_told(tmp_path: Path, mode: str, told: str | None) -> None:
    path = tmp_path / "a.png"
    if mode == "I;16":
        deep(path, 4000)
    else:
        image = Image.new("L", (40, 40), 90).convert("RGB" if mode != "L" else "L")
        if mode == "colour":
            image.paste((200, 40, 40), (0, 0, 5, 5))
        image.save(path)
    found = picture_kind(path).told
    assert (found is None) if told is None else (found is not None and told in found)


def rgba(path: Path, colour: np.ndarray, alpha: np.ndarray) -> None:
    Image.fromarray(np.dstack([colour, colour, colour, alpha]).astype(np.uint8)).save(path)


DISC = np.hypot(*(np.mgrid[:40, :40] - 20)) < 9
WHITE = np.full((40, 40), 255)


@pytest.mark.parametrize("kind", ["rgba", "la", "palette", "both", "soft"])
def test_a_mask_is_what_is_white_and_opaque(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "m.png"
    if kind == "la":
        Image.fromarray(np.dstack([WHITE, DISC * 255]).astype(np.uint8), "LA").save(path)
    elif kind == "palette":
        image = Image.fromarray(DISC.astype(np.uint8), "P")
        image.putpalette([255, 255, 255] * 2)
        image.save(path, transparency=0)
    elif kind == "both":
        rgba(path, DISC * 255, np.where(DISC, 255, np.where(np.arange(40) < 20, 0, 255)))
    else:
        rgba(path, WHITE, np.where(DISC, 255, 0 if kind == "rgba" else 60))
    assert (read_mask(path) == DISC).all()


def test_a_mask_drawn_in_black_on_nothing_is_asked_for_in_white(tmp_path: Path) -> None:
    rgba(tmp_path / "m.png", np.zeros((40, 40)), DISC * 255)
    with pytest.raises(FetalFlexError, match="is black where it is not transparent; mark the region in white"):
        read_mask(tmp_path / "m.png")


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
@pytest.mark.parametrize("colour", [False, True])
def test_what_is_transparent_is_no_label(tmp_path: Path, mode: str, colour: bool) -> None:
    grey = np.full((40, 40), 3 if not colour else 255)
    channels = [grey] * (3 if mode == "RGBA" else 1)
    Image.fromarray(np.dstack([*channels, DISC * 255]).astype(np.uint8), mode).save(tmp_path / "m.png")
    values = read_label_mask(tmp_path / "m.png", colour)
    assert ((values.reshape(40, 40, -1)[..., 0] > 0) == DISC).all()


@pytest.mark.parametrize("compression", ["tiff_deflate", "tiff_lzw", "jpeg", "group4"])
def test_damaged_pictures_leave_the_terminal_alone(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], compression: str
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    buffer = io.BytesIO()
    image = Image.fromarray(pixels).convert("1") if compression == "group4" else Image.fromarray(pixels)
    image.save(buffer, "TIFF", compression=compression)
    data = bytearray(buffer.getvalue())
    for place in range(100, 200):
        data[place] ^= 0x55
    (tmp_path / "a.tif").write_bytes(data)
    with contextlib.suppress(FetalFlexError):
        read_image(tmp_path / "a.tif")
    assert capfd.readouterr() == ("", "")


def test_dicom_is_named_also_among_other_pictures(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(bytes(128) + b"DICM" + bytes(50))
    (tmp_path / "b.png").write_bytes(bytes(128) + b"DICM" + bytes(50))
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(tmp_path / "c.png")
    for name in ("a.dcm", "b.png"):
        with pytest.raises(
            FetalFlexError, match=f"{name} is no readable DICOM image: it has no picture, or is damaged"
        ):
            read_image(tmp_path / name)
    assert [source.stem for source in image_sources([tmp_path], default_registry())] == ["a", "b", "c"]


def test_a_damaged_dicom_file_in_a_source_is_told_by_the_report(scans: Path, tmp_path: Path) -> None:
    from fetalflex.data.importers import ImportOptions

    (scans / "more").mkdir()
    (scans / "more" / "a.dcm").write_bytes(b"x")
    options = ImportOptions(plane="thalamic_transverse", keep_unannotated=True)
    report = prepare(scans, "coco", tmp_path / "set", options)
    assert "`more/a.dcm`: more/a.dcm is no readable DICOM image" in report.to_markdown()


def test_a_picture_that_exif_turns_says_so_where_its_size_does_not_fit(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((48, 64), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    Layout("abdominal_transverse", 64, 48).save(tmp_path / "a.layout.json")
    with pytest.raises(FetalFlexError, match=r"a\.jpg, which is stored with 64 x 48 pixels and turned by its EXIF"):
        read_scan(str(tmp_path / "a.jpg"), tmp_path / "a.layout.json", None, default_registry())
