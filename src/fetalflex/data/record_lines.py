"""`records.jsonl`: what a data set knows of its images beside the boxes, for annotation formats without a place for it.

Each line is a JSON object about one image. Its `image` is an entry as in COCO's `images`, without an id; the file name
is relative to the folder of `records.jsonl`. `exported_from` is the file name in the data set that the image came from.
"""

from __future__ import annotations

import json
from pathlib import Path

from fetalflex.anatomy.registry import Registry
from fetalflex.checks import mapping_with_keys, shown
from fetalflex.data.coco_records import image_entry, record_of_entry
from fetalflex.data.records import Record
from fetalflex.data.utf8_text import displayable, encodable, tolerant
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import parse_json

RECORD_LINES = "records.jsonl"
MAX_LINE_BYTES = 10_000_000


def record_line(record: Record, exported_from: str) -> str:
    """Return the line about a record, without its structures.

    Args:
        record: Record under the name that its image has beside `records.jsonl`.
        exported_from: File name of the image where it came from.
    """
    return json.dumps({"exported_from": exported_from, "image": image_entry(record)}, allow_nan=False) + "\n"


def read_record_lines(path: Path, registry: Registry, odd: dict[str, str] | None = None) -> dict[str, Record]:
    """Return file name to record, without structures.

    Args:
        path: File of lines as `record_line` makes them, at most `MAX_LINE_BYTES` each.
        registry: Registry that knows the planes.
        odd: Gets the file name of each line with text that is not UTF-8, and what to say of it; without it such a line
            is an error like others.

    Raises:
        FetalFlexError: If the file cannot be read or a line is wrong; the message names the line.
    """
    records: dict[str, Record] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES + 1), b""), start=1):
                if not line.strip():
                    continue
                place = f"{path.name} line {number}"
                if odd is not None and (name := _odd_name(line)) is not None:
                    odd[name] = f"{place} holds text that is not UTF-8; correct it"
                    continue
                record = _record(line, registry, place)
                if record.file_name in records:
                    raise FetalFlexError(f"{path.name} line {number}: the file name {record.file_name} is used twice")
                records[record.file_name] = record
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error
    return records


def _odd_name(line: bytes) -> str | None:
    """Return the file name in a line with text that is not UTF-8; None if all of it is, or there is no such name."""
    if line.isascii() and rb"\u" not in line:
        return None
    try:
        values = json.loads(tolerant(line))
        if encodable(json.dumps(values, ensure_ascii=False)):
            return None
        return displayable(str(values["image"]["file_name"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _record(line: bytes, registry: Registry, place: str) -> Record:
    values = mapping_with_keys(parse_json(line, place, MAX_LINE_BYTES), place, ("image",), ("exported_from",))
    if not isinstance(values["image"], dict):
        raise FetalFlexError(f"{place}: image is {shown(values['image'])}; it must be an object as in COCO's images")
    return record_of_entry(values["image"], (), registry, place)
