from __future__ import annotations

import pytest
from data_helpers import save_text

from fetalflex.data.importers.csv_rows import csv_rows
from fetalflex.errors import FetalFlexError


def rows(tmp_path, text, required=("a",)):
    return list(csv_rows(save_text(tmp_path / "t.csv", text), required))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_names_and_cells_are_stripped_and_lines_numbered(tmp_path, delimiter):
    text = "a, b \n1 , x\n\n2,y\n".replace(",", delimiter)
    assert rows(tmp_path, text) == [(2, {"a": "1", "b": "x"}), (4, {"a": "2", "b": "y"})]


def test_a_byte_order_mark_is_dropped(tmp_path):
    assert rows(tmp_path, "\ufeffa,b\n1,2\n") == [(2, {"a": "1", "b": "2"})]


def test_short_rows_are_filled_and_long_ones_cut(tmp_path):
    assert rows(tmp_path, "a,b\n1\n1,2,3\n") == [(2, {"a": "1", "b": ""}), (3, {"a": "1", "b": "2"})]


@pytest.mark.parametrize("text", ["", "b,c\n1,2\n"])
def test_a_missing_column_is_named(tmp_path, text):
    with pytest.raises(FetalFlexError, match="has no column 'a'"):
        rows(tmp_path, text)


def test_a_damaged_table_is_refused(tmp_path):
    with pytest.raises(FetalFlexError, match=r"no readable table: line 2"):
        rows(tmp_path, "a,b\n" + "x" * 200_000 + ",1\n")
