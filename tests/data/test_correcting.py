from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, changed_structures, default_registry
from fetalflex.data import DatasetFolder, Record
from fetalflex.data.correcting import correct_layout
from fetalflex.errors import FetalFlexError

SKULL = PlacedStructure("skull", Box(16, 12, 20, 14, 7))
THALAMI = PlacedStructure("thalami", Box(16, 12, 5, 4))
LAYOUT = Layout("thalamic_transverse", 32, 24, (SKULL, THALAMI))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    proposal = {"scores": [0.9, 0.4], "plane_score": 0.8, "review": ["thalami 0.40"], "device": "of the clinic"}
    records = (Record(f"images/{name}.png", LAYOUT, name, extra=proposal) for name in "abc")
    DatasetFolder.write(tmp_path / "data", ((one, np.zeros((24, 32), np.uint8)) for one in records))
    return tmp_path / "data"


def annotations(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "annotations.json").read_text())


def test_one_image_is_corrected_and_the_others_stay(folder: Path) -> None:
    before = annotations(folder)
    corrected = replace(LAYOUT, structures=(SKULL, PlacedStructure("midline_falx", Box(16, 12, 18, 2, 7))))
    correct_layout(folder, "images/b.png", corrected, default_registry())
    first, second, third = DatasetFolder(folder)
    assert not changed_structures(second.layout, corrected)
    assert second.extra == {"device": "of the clinic", "reviewed": True}
    assert second.patient == "b"
    after = annotations(folder)
    for record, number in ((first, 0), (third, 2)):
        assert record.layout == LAYOUT
        assert after["images"][number] == before["images"][number]
        kept = [
            [one for one in found["annotations"] if one["image_id"] == before["images"][number]["id"]]
            for found in (before, after)
        ]
        assert kept[0] == kept[1]
    ids = [one["id"] for one in after["annotations"]]
    assert len(ids) == len(set(ids)) == 6


def test_structures_that_the_file_does_not_name_become_categories(folder: Path) -> None:
    coco = annotations(folder)
    coco["categories"] = [one for one in coco["categories"] if one["name"] in ("skull", "thalami")]
    (folder / "annotations.json").write_text(json.dumps(coco))
    falx = replace(LAYOUT, structures=(PlacedStructure("midline_falx", Box(16, 12, 18, 2)),))
    correct_layout(folder, "images/a.png", falx, default_registry())
    assert DatasetFolder(folder)[0].layout == falx


@pytest.mark.parametrize(
    ("name", "layout", "said"),
    [
        ("images/z.png", LAYOUT, "no image images/z.png"),
        ("../data/images/a.png", LAYOUT, "no image"),
        ("images/a.png", replace(LAYOUT, width=64), "32 x 24"),
        ("images/a.png", replace(LAYOUT, plane="abdominal_transverse"), "does not belong"),
    ],
)
def test_what_does_not_fit_changes_nothing(folder: Path, name: str, layout: Layout, said: str) -> None:
    before = (folder / "annotations.json").read_bytes()
    with pytest.raises(FetalFlexError, match=said):
        correct_layout(folder, name, layout, default_registry())
    assert (folder / "annotations.json").read_bytes() == before
