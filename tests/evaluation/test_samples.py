from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.data import DatasetFolder, Record
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.samples import select_samples

HEAD = Layout("thalamic_transverse", 32, 24, (PlacedStructure("skull", Box(16, 12, 20, 14)),))
ABDOMEN = Layout("abdominal_transverse", 32, 24, (PlacedStructure("abdomen", Box(16, 12, 20, 14)),))
EMPTY = Layout("thalamic_transverse", 32, 24)
REGISTRY = default_registry()


def write(folder: Path, *records: Record) -> DatasetFolder:
    pixels = np.ones((24, 32), np.uint8)
    return DatasetFolder.write(folder, [(record, pixels) for record in records])


@pytest.fixture
def dataset(tmp_path: Path) -> DatasetFolder:
    return write(
        tmp_path / "set",
        Record("a/1.png", ABDOMEN, "p1", "s", "test", quality=3),
        Record("b/1.png", HEAD, "p2", "s", "test", quality=1),
        Record("2.png", HEAD, "p3", "s", "train"),
        Record("3.png", HEAD, "p4", "s", "val"),
        Record("4.png", EMPTY, "p5", "s", "test"),
        Record("5.png", HEAD, "p6", "s", "test"),
        Record("6.png", ABDOMEN, "p7", "s", "train"),
        Record("7.png", HEAD, "p8", "s"),
    )


def names(samples: tuple) -> list[str]:
    return [sample.record.file_name for sample in samples]


def test_a_split_is_evaluated_plane_by_plane_against_training_and_held_out_images(dataset: DatasetFolder) -> None:
    selection = select_samples([dataset], REGISTRY)
    assert names(selection.evaluated) == ["b/1.png", "5.png", "a/1.png"]
    assert selection.planes == ("thalamic_transverse", "abdominal_transverse")
    assert names(selection.training) == ["2.png", "6.png"]
    assert names(selection.held_out) == ["a/1.png", "b/1.png", "3.png", "5.png"]
    assert selection.left_out == 1


def test_only_planes_and_qualities_asked_for_are_taken(dataset: DatasetFolder) -> None:
    selection = select_samples([dataset], REGISTRY, planes=["thalamic transverse"], min_quality=2)
    assert names(selection.evaluated) == ["5.png"]
    assert names(selection.training) == ["2.png"]


def test_a_limit_holds_for_each_plane_and_spreads(tmp_path: Path) -> None:
    records = [Record(f"{i}.png", HEAD, split="test") for i in range(10)]
    records += [Record(f"{i}.png", ABDOMEN, split="test") for i in range(10, 12)]
    selection = select_samples([write(tmp_path / "set", *records)], REGISTRY, limit=3)
    assert names(selection.evaluated) == ["0.png", "3.png", "6.png", "10.png", "11.png"]


def test_names_and_positions_do_not_depend_on_the_choice(dataset: DatasetFolder) -> None:
    every = {s.position: s.name for s in select_samples([dataset], REGISTRY).evaluated}
    some = {s.position: s.name for s in select_samples([dataset], REGISTRY, planes=["abdomen"], limit=1).evaluated}
    assert every == {1: "00001-1", 5: "00005-5", 0: "00000-1"}
    assert some.items() <= every.items()


def test_positions_count_over_all_data_sets(dataset: DatasetFolder, tmp_path: Path) -> None:
    other = write(tmp_path / "other", Record("1.png", HEAD, split="test"))
    assert [s.position for s in select_samples([dataset, other], REGISTRY).evaluated] == [1, 5, 8, 0]


def test_a_patient_on_both_sides_is_told(dataset: DatasetFolder, tmp_path: Path) -> None:
    assert select_samples([dataset], REGISTRY).shared_patients == 0
    same = write(tmp_path / "same", Record("1.png", HEAD, "p3", "s", "test"), Record("2.png", HEAD, "p3", "other"))
    assert select_samples([dataset, same], REGISTRY).shared_patients == 1
    elsewhere = write(tmp_path / "elsewhere", Record("1.png", HEAD, "p3", "other", "test"))
    assert select_samples([dataset, elsewhere], REGISTRY).shared_patients == 1


def test_the_fingerprint_changes_with_a_layout_or_a_split(dataset: DatasetFolder, tmp_path: Path) -> None:
    def fingerprint(record: Record) -> str:
        folder = write(tmp_path / str(len(list(tmp_path.iterdir()))), record)
        return select_samples([dataset, folder], REGISTRY).fingerprint

    record = Record("1.png", HEAD, "p", "s", "train")
    moved = replace(HEAD, structures=(PlacedStructure("skull", Box(17, 12, 20, 14)),))
    variants = [record, replace(record, split="val"), replace(record, layout=moved), replace(record, patient="q")]
    assert len({fingerprint(variant) for variant in variants}) == 4
    assert fingerprint(record) == fingerprint(record)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, "split 'tset' is unknown"),
        ({"planes": ["brian"]}, "unknown plane 'brian'"),
        ({"planes": ["femur"]}, "none of the 8 images has a structure and split test and plane femur"),
        ({"min_quality": 9, "planes": ["abdomen"]}, "a quality of at least 9"),
    ],
)
def test_a_choice_of_nothing_is_refused(dataset: DatasetFolder, options: dict, message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        select_samples([dataset], REGISTRY, **options)


def test_images_without_a_split_are_called_so(tmp_path: Path) -> None:
    dataset = write(tmp_path / "set", Record("1.png", HEAD), Record("2.png", HEAD, split="train"))
    with pytest.raises(FetalFlexError, match=r"annotated images are in no split, train$"):
        select_samples([dataset], REGISTRY)


def test_a_structure_of_another_plane_is_refused(tmp_path: Path) -> None:
    layout = replace(HEAD, structures=(PlacedStructure("stomach", Box(16, 12, 20, 14)),))
    dataset = write(tmp_path / "set", Record("odd.png", layout, split="test"))
    with pytest.raises(FetalFlexError, match=r"odd\.png: structure stomach does not belong to the plane"):
        select_samples([dataset], REGISTRY)
