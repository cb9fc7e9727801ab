from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.data import DatasetFolder, Record
from fetalflex.errors import FetalFlexError
from fetalflex.training.config import DataConfig
from fetalflex.training.images import select_samples

LAYOUT = Layout("abdominal_transverse", 32, 32, (PlacedStructure("abdomen", Box(16, 16, 20, 20)),))
PIXELS = np.zeros((32, 32), np.uint8)


def written(folder: Path, *records: Record) -> DataConfig:
    DatasetFolder.write(folder / "set", [(record, PIXELS) for record in records])
    return DataConfig(paths=(folder / "set",))


def test_a_split_without_images_is_named_with_what_there_is(tmp_path: Path) -> None:
    config = written(tmp_path, Record("a.png", LAYOUT, split="train"), Record("b.png", LAYOUT, split="test"))
    with pytest.raises(FetalFlexError) as caught:
        select_samples(config, "val", default_registry())
    message = str(caught.value)
    assert message.startswith("data.validation_split: no image of ")
    assert "has the split 'val' (by split: test 1, train 1); divide the data again" in message


def test_images_that_filters_leave_out_are_not_blamed_on_the_split(tmp_path: Path) -> None:
    bare = replace(LAYOUT, structures=())
    config = written(tmp_path, Record("a.png", bare, split="train"), Record("b.png", LAYOUT, split="test"))
    with pytest.raises(
        FetalFlexError, match=r"^data: no image with boxes with split 'train', .*before these filters: "
    ):
        select_samples(config, "train", default_registry(), annotated=True)
