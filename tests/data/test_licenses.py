from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder, Record
from fetalflex.data.licenses import LICENSE, LicenseTable
from fetalflex.data.records import Dataset
from fetalflex.errors import FetalFlexError


class _Records(Dataset):
    def image(self, record: Record) -> Any:
        raise NotImplementedError


def dataset(licenses: list[dict[str, Any]], *of_records: Any) -> Dataset:
    """Records that refer to the licences given."""
    layout = Layout("thalamic_transverse", 64, 64)
    found = _Records([Record(f"{number}.png", layout, extra={LICENSE: one}) for number, one in enumerate(of_records)])
    found.licenses = licenses
    return found


def referred(table: LicenseTable, part: Dataset) -> list[Any]:
    return [table.record(part, record).extra.get(LICENSE) for record in part]


def test_each_image_keeps_its_licence_under_a_new_number() -> None:
    first = dataset([{"id": 1, "name": "A"}, {"id": 2, "name": "B"}], 2, 1)
    second = dataset([{"id": 1, "name": "B"}, {"id": "x", "name": "C"}], 1, "x")
    table = LicenseTable([first, second])
    assert table.licenses == [{"id": 1, "name": "A"}, {"id": 2, "name": "B"}, {"id": 3, "name": "C"}]
    assert referred(table, first) == [2, 1]
    assert referred(table, second) == [2, 3]


@pytest.mark.parametrize("reference", [None, 9, "1", True, 1.5, [1], {"id": 1}])
def test_what_names_no_licence_gets_none(reference: Any) -> None:
    """Not even that of a licence whose own id is none."""
    part = dataset([{"name": "without an id"}, {"id": None, "name": "null"}, {"id": 1, "name": "A"}], reference)
    table = LicenseTable([part])
    assert [one["name"] for one in table.licenses] == ["without an id", "null", "A"]
    assert referred(table, part) == [None]


@pytest.mark.parametrize("licenses", [["CC BY"], {"id": 1}, "CC BY", [None]])
def test_a_list_that_is_none_is_refused_by_name(tmp_path: Path, licenses: Any) -> None:
    coco = {"images": [], "annotations": [], "categories": [], "licenses": licenses}
    (tmp_path / "annotations.json").write_text(json.dumps(coco))
    with pytest.raises(FetalFlexError, match=r"annotations.json: licenses is .*; it must be a list of objects"):
        DatasetFolder(tmp_path)
