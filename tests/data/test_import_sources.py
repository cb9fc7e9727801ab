from __future__ import annotations

import os

import pytest
from data_helpers import read_all, reasons, save_image, save_text

from fetalflex.data.importers import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.sources import Reference, Source, split_of_folder
from fetalflex.errors import FetalFlexError

FEMUR = ImportOptions(plane="femur")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "source"
    for name in ("images/a.png", "images/b.jpg", "other/b.jpg", "masks/a.png", "c.d.png"):
        save_image(root / name)
    return root


def found(root, reference, beside=".", options=FEMUR, **fields):
    """Return the image of one reference, relative to the root, and how it was found, or raise."""
    (result,) = Source(root, options).match([Reference(reference, "a.xml", root / beside, **fields)])
    if isinstance(result, FetalFlexError):
        raise result
    return result.image.relative_to(root).as_posix(), result.how


@pytest.mark.parametrize(
    ("reference", "beside", "expected"),
    [
        ("a.png", "images", "images/a.png"),
        ("a.png", ".", "images/a.png"),
        ("a", ".", "images/a.png"),
        ("c.d", "images", "c.d.png"),
        ("images/b.jpg", "labels", "images/b.jpg"),
        ("b.jpg", "other", "other/b.jpg"),
        ("b", "other", "other/b.jpg"),
        ("../other/b.jpg", "images", "other/b.jpg"),
        ("..\\other\\b.jpg", "images", "other/b.jpg"),
        ("masks/a.png", ".", "masks/a.png"),
        ("./images//a.png", ".", "images/a.png"),
        ("images\\a.png", ".", "images/a.png"),
    ],
)
def test_images_are_found_by_their_path(root, reference, beside, expected):
    assert found(root, reference, beside) == (expected, None)


@pytest.mark.parametrize(
    "reference",
    [
        "../../upload/4/a.png",
        "..\\..\\media\\upload\\4\\a.png",
        "/home/someone/data/a.png",
        "C:\\Users\\someone\\a.png",
        "\\\\server\\share\\a.png",
        "file:///home/someone/a.png",
        "https://host/media/a.png?token=1#2",
        "s3://bucket/scans/a.png",
        "/data/local-files/?d=scans%2Fa.png",
        "upload/4/a.png",
        "images/../../a.png",
        "A.PNG",
    ],
)
def test_paths_of_other_machines_tell_by_a_name_that_one_image_has(root, reference):
    save_image(root.parent / "a.png")
    image, how = found(root, reference)
    assert image == "images/a.png"
    assert "found by its bare name" in how
    assert repr(reference) in how


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("b.jpg", "may be images/b.jpg or other/b.jpg"),
        ("none.png", "there is no image 'none.png'"),
        ("a.jpg", "there is no image"),
        ("", "no file name"),
        ("a\0.png", "no file name"),
        ("data:image/png;base64,AAAA", "no file name"),
        ("../secret.png", "leads out"),
        ("/etc/secret.png", "there is no image"),
        ("scan.nii", "NIfTI"),
        ("patient1/a.png", "there is no image 'patient1/a.png'"),
    ],
)
def test_other_references_are_refused(root, reference, message):
    save_image(root.parent / "secret.png")
    (root / "images" / "a.png").rename(save_image(root / "patient2" / "a.png"))
    with pytest.raises(FetalFlexError, match=message):
        found(root, reference)


def test_composed_and_decomposed_letters_are_one_name(root):
    save_image(root / "images" / "Sch\u00e4del.png")
    assert found(root, "images/Scha\u0308del.png") == ("images/Sch\u00e4del.png", None)
    save_image(root / "images" / "Scha\u0308del.png")
    assert found(root, "images/Scha\u0308del.png") == ("images/Scha\u0308del.png", None)


def test_an_image_that_two_annotations_mean_is_no_ones(root):
    references = [Reference(name, f"{name}.xml", root) for name in ("images/a.png", "a.png", "c.d.png")]
    *both, other = Source(root, FEMUR).match(references)
    assert all("annotated twice, in images/a.png.xml and in a.png.xml" in str(one) for one in both)
    assert other.image == root / "c.d.png"


def test_a_bare_name_must_be_one_annotations_only(root):
    references = [Reference(f"{folder}/a.png", "a.json", root) for folder in ("/one", "/two")]
    for result in Source(root, FEMUR).match(references):
        assert "so has the picture of another annotation" in str(result)


@pytest.mark.parametrize("folder", ["train", "p1"])
def test_a_label_file_takes_no_image_of_another_folder(tmp_path, folder):
    other = {"train": "val", "p1": "p2"}[folder]
    save_image(tmp_path / "images" / other / "a.png")
    label = Reference("a", "a.txt", tmp_path / "labels" / folder, own_file=True, implied=True)
    (result,) = Source(tmp_path, FEMUR).match([label])
    assert isinstance(result, FetalFlexError)
    save_image(tmp_path / "images" / folder / "a.png")
    (result,) = Source(tmp_path, FEMUR).match([label])
    assert (result.image, result.how) == (tmp_path / "images" / folder / "a.png", None)


def test_a_subset_is_a_folder(root):
    for split in ("Train", "Test"):
        save_image(root / "images" / split / "f.png")
    for split in ("Train", "Test"):
        assert found(root, "f.png", subset=split) == (f"images/{split}/f.png", None)
    with pytest.raises(FetalFlexError):
        found(root, "f.png", subset="Validation")
    with pytest.raises(FetalFlexError, match="may be"):
        found(root, "f.png")


def test_a_folder_field_tells_where_names_repeat(root):
    assert found(root, "b.jpg", folder="other") == ("other/b.jpg", None)
    assert found(root, "a.png", folder="C:\\elsewhere") == ("images/a.png", None)


def test_masks_beside_images_are_no_images(root):
    for name in ("x.png", "x_mask.png", "x_mask_1.png", "y_mask.png"):
        save_image(root / "images" / name)
    names = [path.name for path in Source(root, FEMUR).images]
    assert "x.png" in names
    assert "y_mask.png" in names
    assert not {"x_mask.png", "x_mask_1.png"} & set(names)


def test_names_that_are_no_text_and_files_of_other_kinds_are_refused_one_by_one(root):
    (root / "images" / "a.png").rename(root / "images" / "a\udcfc.png")
    (root / "scan.nii").write_bytes(b"n+1")
    refusals = {refusal.where: refusal.reason for refusal in Source(root, FEMUR).unclaimed()}
    assert "not UTF-8" in refusals["images/a\\udcfc.png"]
    assert "NIfTI" in refusals["scan.nii"]
    assert "images/b.jpg" in refusals


def test_images_that_nothing_claims_are_refused_or_kept_on_request(root):
    source = Source(root, FEMUR)
    source.match([Reference("a.png", "a.xml", root)])
    assert [refusal.where for refusal in source.unclaimed()] == ["c.d.png", "images/b.jpg", "other/b.jpg"]
    kept = list(Source(root, ImportOptions(plane="femur", keep_unannotated=True)).unclaimed())
    assert len(kept) == 4
    assert all(isinstance(item, ImportedItem) and item.layout.structures == () for item in kept)


def test_a_damaged_image_without_annotation_is_refused_even_if_images_are_kept(root):
    (root / "images" / "a.png").write_bytes(b"x")
    results = list(Source(root, ImportOptions(plane="femur", keep_unannotated=True)).unclaimed())
    (refusal,) = [result for result in results if isinstance(result, Finding)]
    assert refusal.where == "images/a.png"


def test_the_options_name_folders_inside_the_source(root):
    source = Source(root, ImportOptions(plane="femur", images="other"))
    assert [source.name(path) for path in source.images] == ["other/b.jpg"]
    for name in ("nowhere", "../source", "/tmp"):
        with pytest.raises(FetalFlexError):
            Source(root, ImportOptions(plane="femur", images=name))
    with pytest.raises(FetalFlexError, match="there is no folder"):
        Source(root / "nowhere", FEMUR)


def test_annotation_files_come_from_the_file_the_option_or_the_usual_folder(root):
    for name in ("a.xml", "usual/b.xml", "named/c.xml"):
        save_text(root / name, "<a/>")

    def names(source: Source) -> list[str]:
        return [path.name for path in source.annotation_files([".xml"], usual=["none", "usual"])]

    assert names(Source(root, FEMUR)) == ["b.xml"]
    assert names(Source(root / "a.xml", FEMUR)) == ["a.xml"]
    assert names(Source(root, ImportOptions(plane="femur", annotations="named"))) == ["c.xml"]
    assert names(Source(root, ImportOptions(plane="femur", annotations="a.xml"))) == ["a.xml"]
    with pytest.raises(FetalFlexError, match=r"no annotation file that ends in \.csv"):
        Source(root, FEMUR).annotation_files([".csv"])


def test_an_image_linked_from_outside_the_source_is_refused(root):
    outside = save_image(root.parent / "outside.png")
    (root / "images" / "link.png").symlink_to(outside)
    source = Source(root, FEMUR)
    with pytest.raises(FetalFlexError, match="leads outside source"):
        source.builder(*source.match([Reference("link.png", "a.xml", root / "images")]))
    source = Source(root, ImportOptions(plane="femur", keep_unannotated=True))
    (refusal,) = [result for result in source.unclaimed() if isinstance(result, Finding)]
    assert refusal.where == "images/link.png"


def test_a_size_that_differs_from_the_declared_one_is_refused(root):
    source = Source(root, FEMUR)
    assert source.builder(root / "images/a.png", (100, 80)).width == 100
    with pytest.raises(FetalFlexError, match=r"for 80 x 100 pixels, but images/a\.png has 100 x 80"):
        source.builder(root / "images/a.png", (80, 100))


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train/images/a.png", "train"),
        ("images/valid/a.png", "val"),
        ("Testing/a.png", "test"),
        ("train.png", None),
        ("train/test/a.png", None),
        ("a.png", None),
    ],
)
def test_folders_name_splits(path, split):
    assert split_of_folder(path) == split


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_a_folder_that_cannot_be_looked_into_is_told(tmp_path):
    save_image(tmp_path / "a.png")
    save_text(tmp_path / "a.txt", "0 0.5 0.5 0.4 0.25")
    save_text(tmp_path / "classes.txt", "HC")
    (tmp_path / "closed").mkdir(mode=0)
    try:
        items, refusals = read_all("yolo", tmp_path, plane="thalamic_transverse")
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert len(items) == 1
    assert "closed: the folder cannot be read" in reasons(refusals)
