from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from study_helpers import METHODS, PLANES, candidates, make_study

from fetalflex.data import read_image
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import KnownSynthetic, mark_in_file, mark_of_image
from fetalflex.study.creating import Design, create_study
from fetalflex.study.folder import Study


def test_every_reader_sees_as_many_images_of_each_plane_by_each_method(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    assert study.file.images == 24
    for reader in study.readers:
        once = set(reader.order)
        assert once == set(range(24))
        groups = Counter((study.key.images[image].plane, study.key.images[image].method) for image in once)
        assert groups == {(plane, method): 4 for plane in PLANES for method in METHODS}
        assert len(reader.order) == 24 + 2  # a tenth comes twice


def test_readers_have_orders_and_links_of_their_own(tmp_path: Path) -> None:
    anna, ben = make_study(tmp_path / "study").readers
    assert anna.order != ben.order
    assert anna.token != ben.token
    assert min(len(anna.token), len(ben.token)) >= 32


def test_the_seed_decides_everything_but_the_links(tmp_path: Path) -> None:
    one, same, other = (make_study(tmp_path / name, seed=seed) for name, seed in (("a", 1), ("b", 1), ("c", 2)))
    assert one.key.images == same.key.images != other.key.images
    assert [reader.order for reader in one.readers] == [reader.order for reader in same.readers]
    assert {reader.token for reader in one.readers}.isdisjoint(reader.token for reader in same.readers)
    for number in range(24):
        assert one.image_path(number).read_bytes() == same.image_path(number).read_bytes()


def test_images_say_nothing_of_where_they_come_from(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    paths = [study.image_path(number) for number in range(24)]
    assert sorted(path.name for path in (study.root / "images").iterdir()) == [path.name for path in paths]
    for path in paths:
        with Image.open(path) as image:
            assert (image.size, image.mode, image.info) == ((36, 24), "L", {})
        assert mark_in_file(path) is None
        assert path.stat().st_mtime == 0
    methods = [image.method for image in study.key.images]
    assert methods != sorted(methods)


def test_the_folder_knows_which_images_are_synthetic(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    known = KnownSynthetic(study.root)
    for number, image in enumerate(study.key.images):
        path = study.image_path(number)
        assert (mark_of_image(path, read_image(path), known) is not None) == image.synthetic == (image.method != "real")


def test_what_server_and_readers_get_names_neither_method_nor_origin(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study")
    told = (study.root / "study.json").read_text() + (study.root / "readers.json").read_text()
    for image in study.key.images:
        for word in (image.method, image.plane, image.case, image.origin):
            assert f'"{word}"' not in told
    assert "synthetic" not in json.dumps(json.loads((study.root / "readers.json").read_text()))


def test_methods_are_compared_on_shared_cases_first(tmp_path: Path) -> None:
    offered = candidates(each=6)
    without = [one for one in offered if one.method == "real" or not one.case.endswith(("-0", "-1"))]
    study = create_study(tmp_path / "study", without, Design(["anna"], each=4)).study
    cases = {method: {one.case for one in study.key.images if one.method == method} for method in METHODS}
    assert cases["real"] == cases["ours"] == cases["other"]
    assert len(cases["real"]) == 8


def test_images_of_other_sizes_are_brought_to_one(tmp_path: Path) -> None:
    offered = candidates(each=2)
    wide = np.full((10, 60), 200, np.uint8)
    offered[0] = replace(offered[0], size=(60, 10), load=lambda: wide)
    shown = create_study(tmp_path / "pad", offered, Design(["anna"], size=(40, 30))).study
    cropped = create_study(tmp_path / "crop", offered, Design(["anna"], size=(40, 30), crop=True)).study
    [number] = [n for n, image in enumerate(shown.key.images) if image.origin == offered[0].origin]
    padded = read_image(shown.image_path(number))
    assert padded.shape == (30, 40)
    assert (padded[12:18] == 200).all()
    assert not padded[:11].any()
    assert (read_image(cropped.image_path(number)) == 200).all()


def test_shapes_and_sizes_that_tell_the_method_are_named(tmp_path: Path) -> None:
    square = [replace(one, size=(24, 24)) if one.method == "ours" else one for one in candidates()]
    created = create_study(tmp_path / "a", square, Design(["anna"]))
    assert any("ours 1.00" in warning and "--fit crop" in warning for warning in created.warnings)
    small = [replace(one, size=(18, 12)) if one.method == "ours" else one for one in candidates()]
    created = create_study(tmp_path / "b", small, Design(["anna"], crop=True))
    assert [warning for warning in created.warnings if "look softer" in warning] == list(created.warnings)
    assert not create_study(tmp_path / "c", candidates(), Design(["anna"])).warnings


@pytest.mark.parametrize(
    ("design", "told"),
    [
        (lambda: Design([]), "1 to 100 readers, got 0"),
        (lambda: Design(["anna", "anna"]), "'anna' is named twice"),
        (lambda: Design(["an\nna"]), "must be a name"),
        (lambda: Design(["anna"], repeat_share=0.7), "from 0 to 0.5, got 0.7"),
        (lambda: Design(["anna"], size=(4, 4)), "from 16 to 4096, got 4"),
        (lambda: Design(["anna"], each=0), "from 1 to 100000, got 0"),
    ],
)
def test_designs_that_cannot_be_are_refused(design, told: str) -> None:
    with pytest.raises(FetalFlexError, match=told):
        design()


def test_too_few_images_are_told_with_plane_and_method(tmp_path: Path) -> None:
    offered = [one for one in candidates() if one.group != ("thalamic_transverse", "ours")]
    with pytest.raises(FetalFlexError, match=r"'ours' has 0 images of the plane 'thalamic_transverse'.*--planes"):
        create_study(tmp_path / "study", offered, Design(["anna"]))
    with pytest.raises(FetalFlexError, match=r"has 4 images .* needs 5.*--each"):
        create_study(tmp_path / "study", candidates(), Design(["anna"], each=5))
    with pytest.raises(FetalFlexError, match="1 image to show; a study needs at least 2"):
        create_study(tmp_path / "study", candidates(["real"], PLANES[:1], 1), Design(["anna"]))
    assert not (tmp_path / "study").exists()


def test_the_same_picture_twice_is_refused(tmp_path: Path) -> None:
    offered = candidates()
    offered[5] = replace(offered[5], load=offered[0].load)
    with pytest.raises(FetalFlexError, match="are the same picture"):
        create_study(tmp_path / "study", offered, Design(["anna"]))


def test_a_study_is_replaced_only_by_force_and_never_once_answered(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    first = make_study(folder)
    with pytest.raises(FetalFlexError, match="already there"):
        make_study(folder)
    second = create_study(folder, candidates(), Design(["anna"]), force=True).study
    assert second.id != first.id
    (folder / "answers.sqlite").write_bytes(b"")
    with pytest.raises(FetalFlexError, match="answers are not deleted, not even by force"):
        create_study(folder, candidates(), Design(["anna"]), force=True)
    assert Study(folder).id == second.id


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "thesis.txt").write_text("mine")
    with pytest.raises(FetalFlexError, match="is already there and is not a reader study"):
        create_study(tmp_path / "study", candidates(), Design(["anna"]), force=True)


def test_damaged_and_foreign_files_of_a_study_are_named(tmp_path: Path) -> None:
    study, other = make_study(tmp_path / "study"), make_study(tmp_path / "other")
    with pytest.raises(FetalFlexError, match="is no reader study"):
        Study(tmp_path)
    for name, use in (("readers.json", lambda one: one.readers), ("key.json", lambda one: one.key)):
        content = (study.root / name).read_text()
        (study.root / name).write_text((other.root / name).read_text())
        with pytest.raises(FetalFlexError, match=f"{name} belongs to another study"):
            use(Study(study.root))
        (study.root / name).write_text(content[:-20])
        with pytest.raises(FetalFlexError, match=f"{name} is not valid JSON"):
            use(Study(study.root))
        (study.root / name).write_text("{}")
        with pytest.raises(FetalFlexError, match=f"{name}: .*required"):
            use(Study(study.root))
        (study.root / name).unlink()
        with pytest.raises(FetalFlexError, match=f"{name} cannot be read"):
            use(Study(study.root))


def test_sampling_does_not_depend_on_the_order_of_the_sources(tmp_path: Path) -> None:
    forwards = create_study(tmp_path / "a", candidates(each=6), Design(["anna"], each=3)).study
    backwards = create_study(tmp_path / "b", candidates(each=6)[::-1], Design(["anna"], each=3)).study
    digest = [hashlib.sha256(one.image_path(3).read_bytes()).digest() for one in (forwards, backwards)]
    assert digest[0] == digest[1]
    assert forwards.key.images == backwards.key.images
