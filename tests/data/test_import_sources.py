from __future__ import annotations

import pytest
from data_helpers import save_image, save_text

from fetalflex.data.importers import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.sources import Source, split_of_folder
from fetalflex.errors import FetalFlexError

FEMUR = ImportOptions(plane="femur")


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "source"
    for name in ("images/a.png", "images/b.jpg", "other/b.jpg", "masks/a.png", "c.d.png"):
        save_image(root / name)
    return root


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
        ("lost/folder/a.png", ".", "images/a.png"),
        ("masks/a.png", ".", "masks/a.png"),
    ],
)
def test_images_are_found(root, reference, beside, expected):
    assert Source(root, FEMUR).claim(reference, root / beside) == root / expected


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("b.jpg", "may be images/b.jpg and other/b.jpg"),
        ("none.png", "there is no image 'none.png'"),
        ("a.jpg", "there is no image"),
        ("", "no file name"),
        ("../a.png", "leads out"),
        ("/etc/a.png", "leads out"),
        ("C:\\images\\a.png", "leads out"),
        ("images/../../a.png", "leads out"),
    ],
)
def test_other_references_are_refused(root, reference, message):
    save_image(root.parent / "a.png")
    with pytest.raises(FetalFlexError, match=message):
        Source(root, FEMUR).claim(reference, root)


def test_an_image_is_claimed_once(root):
    source = Source(root, FEMUR)
    source.claim("a.png", root)
    with pytest.raises(FetalFlexError, match=r"images/a\.png is annotated twice"):
        source.claim("images/a.png", root)


def test_images_that_nothing_claims_are_refused_or_kept_on_request(root):
    source = Source(root, FEMUR)
    source.claim("a.png", root)
    assert [refusal.where for refusal in source.unclaimed()] == ["c.d.png", "images/b.jpg", "other/b.jpg"]
    kept = list(Source(root, ImportOptions(plane="femur", keep_unannotated=True)).unclaimed())
    assert len(kept) == 4
    assert all(isinstance(item, ImportedItem) and item.layout.structures == () for item in kept)


def test_a_damaged_image_without_annotation_is_refused_even_if_images_are_kept(root):
    (root / "images" / "a.png").write_bytes(b"x")
    results = list(Source(root, ImportOptions(plane="femur", keep_unannotated=True)).unclaimed())
    (refusal,) = [result for result in results if isinstance(result, Refusal)]
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
    with pytest.raises(FetalFlexError, match="leads outside source"):
        Source(root, FEMUR).claim("link.png", root / "images")
    source = Source(root, ImportOptions(plane="femur", keep_unannotated=True))
    (refusal,) = [result for result in source.unclaimed() if isinstance(result, Refusal)]
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
