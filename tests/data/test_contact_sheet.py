from __future__ import annotations

import numpy as np
import pytest
from data_helpers import gradient

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import default_registry
from fetalflex.data import contact_sheet
from fetalflex.data.contact_sheet import MAX_ITEMS, draw_contact_sheet
from fetalflex.data.records import Dataset, Record
from fetalflex.errors import FetalFlexError
from fetalflex.figures.style import GAP

REGISTRY = default_registry()
WIDTH, HEIGHT = contact_sheet._PICTURE


class InMemory(Dataset):
    """Records with a gradient each; notes which images were asked for."""

    def __init__(self, records):
        super().__init__(records)
        self.asked: list[str] = []

    def image(self, record):
        self.asked.append(record.file_name)
        return gradient(record.layout.width, record.layout.height)


def dataset(size=(100, 70), **counts: int) -> InMemory:
    box = Box(size[0] / 2, size[1] / 2, size[0] / 2, size[1] / 2)
    structures = {"abdominal_transverse": "abdomen", "femur": "femur", "thalamic_transverse": "skull"}
    return InMemory(
        [
            Record(
                f"images/{plane}_{number}.png",
                Layout(plane, *size, (PlacedStructure(structures[plane], box),)),
                patient=f"p{number}",
                split="train",
            )
            for plane, count in counts.items()
            for number in range(count)
        ]
    )


def test_the_sheet_is_coloured_and_wide_enough_for_its_columns():
    sheet = draw_contact_sheet(dataset(femur=12), REGISTRY)
    assert sheet.dtype == np.uint8
    assert sheet.shape[1:] == (6 * (WIDTH + GAP) + GAP, 3)
    femur = REGISTRY.structure("femur").colour
    assert (sheet == femur).all(axis=2).sum() > 12 * 2 * (WIDTH + HEIGHT) / 3


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (4, 4), (8, 4), (10, 5), (12, 6), (48, 6)])
def test_columns_leave_few_places_empty(count, columns):
    assert draw_contact_sheet(dataset(femur=count), REGISTRY).shape[1] == columns * (WIDTH + GAP) + GAP


def test_small_planes_are_shown_wholly_and_large_ones_from_their_whole_length():
    images = dataset(thalamic_transverse=500, femur=3, abdominal_transverse=200)
    draw_contact_sheet(images, REGISTRY)
    assert len(images.asked) == MAX_ITEMS
    by_plane = {plane: [name for name in images.asked if plane in name] for plane in ("thalamic", "femur", "abdominal")}
    assert len(by_plane["femur"]) == 3
    assert {len(by_plane["thalamic"]), len(by_plane["abdominal"])} == {22, 23}
    numbers = [int(name.split("_")[-1][:-4]) for name in by_plane["thalamic"]]
    assert numbers == sorted(set(numbers))
    assert numbers[0] == 0
    assert numbers[-1] > 450


def test_more_planes_than_places(monkeypatch):
    monkeypatch.setattr(contact_sheet, "MAX_ITEMS", 2)
    images = dataset(thalamic_transverse=3, femur=3, abdominal_transverse=3)
    draw_contact_sheet(images, REGISTRY)
    assert len(images.asked) == 2


def test_sections_stand_in_the_registrys_order():
    images = dataset(femur=1, thalamic_transverse=1)
    draw_contact_sheet(images, REGISTRY)
    assert images.asked == ["images/thalamic_transverse_0.png", "images/femur_0.png"]


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (1200, 800)])
def test_images_of_any_shape_fit_their_cell(size):
    images = InMemory([Record("images/" + "long" * 40 + ".png", Layout("femur", *size))])
    assert draw_contact_sheet(images, REGISTRY).max() > 200


def test_nothing_to_draw():
    with pytest.raises(FetalFlexError, match="no contact sheet"):
        draw_contact_sheet(InMemory([]), REGISTRY)
