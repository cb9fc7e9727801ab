"""Licences of several data sets in one table, so that each image still refers to its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fetalflex.checks import shown
from fetalflex.data.records import Dataset, Record
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping, JsonObject

LICENSE = "license"
"""Extra field of a record: the id of its licence, as in COCO."""


class LicenseTable:
    """Join the licences of data sets, numbered anew from 1; licences that differ only in their id are one.

    Args:
        datasets: Their `licenses` are joined in this order.
    """

    def __init__(self, datasets: Sequence[Dataset]) -> None:
        self.licenses: list[JsonObject] = []
        self._ids: dict[int, dict[Any, int]] = {}
        for dataset in datasets:
            known = self._ids.setdefault(id(dataset), {})
            for one in dataset.licenses:
                number = self._number(one)
                if (key := _key(one.get("id"))) is not None:
                    known[key] = number

    def record(self, dataset: Dataset, record: Record) -> Record:
        """Return a record of one of the data sets that refers to this table.

        One that refers to no licence of its data set refers to none here, unless the table is empty.
        """
        if LICENSE not in record.extra or not self.licenses:
            return record
        extra = {name: value for name, value in record.extra.items() if name != LICENSE}
        key = _key(record.extra[LICENSE])
        number = None if key is None else self._ids[id(dataset)].get(key)
        return replace(record, extra=extra if number is None else extra | {LICENSE: number})

    def _number(self, license: JsonMapping) -> int:
        content = {name: value for name, value in license.items() if name != "id"}
        for number, known in enumerate(self.licenses, start=1):
            if {name: value for name, value in known.items() if name != "id"} == content:
                return number
        self.licenses.append({"id": len(self.licenses) + 1, **content})
        return len(self.licenses)


def licenses_of(coco: JsonMapping, where: str) -> list[JsonObject]:
    """Return the licences of a COCO dictionary, none if it has no such list.

    Raises:
        FetalFlexError: If they are no list of objects.
    """
    licenses = coco.get("licenses")
    if licenses is None:
        return []
    if not isinstance(licenses, list) or not all(isinstance(one, dict) for one in licenses):
        raise FetalFlexError(f"{where}: licenses is {shown(licenses)}; it must be a list of objects with id and name")
    return licenses


def _key(value: object) -> int | str | None:
    """Return what an id is looked up by; None for what is no id."""
    return value if isinstance(value, (int, str)) and not isinstance(value, bool) else None
