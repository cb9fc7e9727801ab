from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import LAYOUT
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import default_registry
from fetalflex.cli.jobs import Item, items_from_dataset, plan_jobs
from fetalflex.data import DatasetFolder, Record
from fetalflex.errors import FetalFlexError
from fetalflex.files import check_not_inside, check_outputs


def item(position: int) -> Item:
    return Item(f"item{position}", f"item{position}.json", position, LAYOUT, None, ())


def test_equal_stems_in_a_data_set_take_their_folders_into_the_name(tmp_path: Path) -> None:
    pixels = np.zeros((LAYOUT.height, LAYOUT.width), np.uint8)
    records = [Record(name, LAYOUT) for name in ("one/a.png", "two/a.png", "b.png")]
    DatasetFolder.write(tmp_path / "set", [(record, pixels) for record in records])
    items = items_from_dataset(tmp_path / "set", default_registry())
    assert [item.name for item in items] == ["one-a", "two-a", "b"]
    assert [item.position for item in items] == [0, 1, 2]


@given(st.integers(0, 2**32), st.integers(1, 5), st.sets(st.integers(0, 50), min_size=1, max_size=8))
def test_seeds_depend_on_position_and_sample_alone(seed: int, samples: int, positions: set[int]) -> None:
    jobs = plan_jobs([item(position) for position in sorted(positions)], Path("out"), seed, samples)
    expected = [seed + position + 1_000_000 * k for position in sorted(positions) for k in range(samples)]
    assert [job.seed for job in jobs] == expected
    assert len({job.path for job in jobs}) == len(jobs)


def test_names_say_the_sample_only_if_there_are_several() -> None:
    assert [job.path.name for job in plan_jobs([item(0)], Path("out"), 0, 1)] == ["item0.png"]
    assert [job.path.name for job in plan_jobs([item(0)], Path("out"), 0, 2)] == ["item0-1.png", "item0-2.png"]


def test_inputs_are_not_replaced_even_through_a_link(tmp_path: Path) -> None:
    original = tmp_path / "original.png"
    original.write_bytes(b"")
    (tmp_path / "link.png").symlink_to(original)
    with pytest.raises(FetalFlexError, match=r"link\.png is read by this command"):
        check_outputs([tmp_path / "link.png"], [original], force=True)


def test_new_folders_are_fine(tmp_path: Path) -> None:
    check_outputs([tmp_path / "new" / "a.png"], [], force=False)


def test_two_outputs_are_two_files(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match=r"a\.json would be written twice"):
        check_outputs([tmp_path / "a.json", tmp_path / "b" / ".." / "a.json"], [], force=True)


def test_a_folder_is_no_file_to_replace(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    with pytest.raises(FetalFlexError, match=r"a\.png is a folder"):
        check_outputs([tmp_path / "a.png"], [], force=True)


def test_a_folder_that_holds_what_is_read_is_not_to_be_replaced(tmp_path: Path) -> None:
    check_not_inside([tmp_path / "a.png", tmp_path / "out.png"], tmp_path / "out")
    for path in (tmp_path / "out" / "a.png", tmp_path / "out", tmp_path / "x" / ".." / "out" / "b" / "a.png"):
        with pytest.raises(FetalFlexError, match="is read by this command and would be replaced"):
            check_not_inside([tmp_path / "a.png", path], tmp_path / "out")
