"""Read the pieces that annotation files are made of, with limits and clear errors."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fetalflex.checks import shown
from fetalflex.data.image_files import is_image_file
from fetalflex.data.importers.numbers import number
from fetalflex.data.limits import (
    MAX_ELEMENTS,
    MAX_JSON_BYTES,
    MAX_ROWS,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    MAX_XML_BYTES,
    MAX_YAML_BYTES,
)
from fetalflex.data.utf8_text import tolerant
from fetalflex.dicom.reading import may_be_dicom
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = [
    "child_text",
    "files_ending",
    "image_files_in",
    "number",
    "read_annotations",
    "read_lines",
    "read_names_yaml",
    "read_text",
    "read_xml",
]

_XML_ENCODING = re.compile(rb"""(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_SURROGATE = re.compile("[\ud800-\udfff]")
_LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return the text of a UTF-8 file, or of a UTF-16 one with a byte order mark; the mark is dropped.

    A byte that is no UTF-8 becomes a lone surrogate, so that only what it stands in is refused; see `utf8_text`.

    Raises:
        FetalFlexError: If the file is missing, larger than `max_bytes`, or no text.
    """
    data = _bytes(path, max_bytes)
    if not data.startswith(_UTF16) and b"\0" not in data:
        return tolerant(data.removeprefix(codecs.BOM_UTF8))
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise FetalFlexError(f"{path} is not written in UTF-8; save it so") from error


def read_lines(path: Path, max_bytes: int = MAX_TEXT_BYTES, keepends: bool = False) -> list[str]:
    """Return the lines of a text file, at most `MAX_ROWS`; see `read_text`.

    Raises:
        FetalFlexError: If it has more, or as `read_text`.
    """
    text = read_text(path, max_bytes)
    if sum(text.count(end) for end in _LINE_ENDS) > MAX_ROWS:  # before each becomes a text of its own
        raise FetalFlexError(f"{path} has more than {MAX_ROWS:,} lines; divide it")
    return text.splitlines(keepends)


def read_xml(path: Path, max_bytes: int = MAX_XML_BYTES) -> Element:
    """Return the root of an XML file; entities and references to other files are refused.

    Raises:
        FetalFlexError: If the file is missing, too large, damaged, or defines entities.
    """
    data = _bytes(path, max_bytes)
    if (tags := data.count(b"<")) > MAX_ELEMENTS:
        raise FetalFlexError(f"{path} has {tags:,} tags; at most {MAX_ELEMENTS:,} are read, so divide it")
    try:
        root: Element = fromstring(_without_odd_bytes(data))
    except DefusedXmlException as error:
        raise FetalFlexError(f"{path} defines entities, which annotation files do not need") from error
    except (ParseError, ValueError, LookupError) as error:
        raise FetalFlexError(f"{path} is no valid XML: {error}") from error
    return root


def _without_odd_bytes(data: bytes) -> bytes:
    """Return XML that is or should be UTF-8 with a replacement character for each byte that is not.

    The parser takes no lone surrogates. A name with a replacement character is no image's and no label's.
    """
    declared = _XML_ENCODING.match(data)
    if declared is not None and declared.group(1).lower() not in (b"utf-8", b"utf8"):
        return data
    if declared is None and data.startswith(_UTF16):
        return data
    return data.decode("utf-8", "replace").encode()


def read_annotations(path: Path) -> Any:
    """Return the value in a JSON file; NaN, infinite and endless numbers come as floats for the reader to refuse.

    Raises:
        FetalFlexError: If the file is missing, too large, no JSON, nested too deep, or has a key twice.
    """
    data = _bytes(path, MAX_JSON_BYTES)
    for count, most, what in (
        (data.count(b"{") + data.count(b"["), MAX_ELEMENTS, "objects and lists"),
        (data.count(b","), MAX_VALUES, "values"),
    ):
        if count > most:
            raise FetalFlexError(f"{path} has {count:,} {what}; at most {most:,} are read, so divide it")
    try:
        text = tolerant(data.removeprefix(codecs.BOM_UTF8))
        return json.loads(text, parse_int=_parsed_int, object_pairs_hook=_without_doubles)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FetalFlexError(f"{path} is not valid JSON at {where}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise FetalFlexError(f"{path} is not valid JSON: {reason}") from error


def _parsed_int(text: str) -> float:
    return int(text) if len(text) <= 400 else math.inf


def _without_doubles(pairs: list[tuple[str, Any]]) -> JsonObject:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {shown(key)} stands twice")
            seen.add(key)
    return data


def read_names_yaml(path: Path) -> Any:
    """Return the value in a YAML file of at most 100 kB; see `fetalflex.files.yaml_files`.

    Raises:
        FetalFlexError: If it is missing, larger, no YAML, or has a key twice.
    """
    from fetalflex.files.yaml_files import parse_yaml

    text = read_text(path, MAX_YAML_BYTES)
    try:
        # The parser takes no lone surrogates; a name with a replacement character is no label's.
        return parse_yaml(_SURROGATE.sub("\ufffd", text))
    except FetalFlexError as error:
        raise FetalFlexError(f"{path} {error}") from error


def _bytes(path: Path, max_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise FetalFlexError(f"{path} has {size:,} bytes; at most {max_bytes:,} are read")
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error


def child_text(element: Element, path: str) -> str | None:
    """Return the stripped text of a child element, None if there is none or it is empty.

    Raises:
        FetalFlexError: If the child stands there twice with different texts.
    """
    texts = {(child.text or "").strip() for child in element.iterfind(path)}
    if len(texts) > 1:
        first, second = sorted(texts)[:2]
        raise FetalFlexError(f"<{path}> stands twice, as {shown(first)} and as {shown(second)}; correct one")
    return (texts.pop() or None) if texts else None


def image_files_in(folder: Path) -> Iterator[Path]:
    """Yield the images below a folder, sorted, with DICOM files that have no ending; hidden ones are passed over."""
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and (is_image_file(path) or may_be_dicom(path)) and path.is_file():
            yield path


def files_ending(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Yield the files below a folder with one of the endings (lower case), sorted; hidden ones are passed over."""
    wanted = tuple(suffixes)
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and path.suffix.lower() in wanted and path.is_file():
            yield path
