"""Read the pieces that annotation files are made of, with limits and clear errors."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from fetalflex.anatomy.checks import shown
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_TEXT_BYTES = 256 * 2**20
_NUMBER = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,3})?")


def read_text(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """Return the text of a UTF-8 file; a byte order mark is dropped.

    Raises:
        FetalFlexError: If the file is missing, larger than `max_bytes`, or not UTF-8.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise FetalFlexError(f"{path} has {size:,} bytes; at most {max_bytes:,} are read")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FetalFlexError(f"{path} is not written in UTF-8; save it so") from error


def read_xml(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> Element:
    """Return the root of an XML file; entities and references to other files are refused.

    Raises:
        FetalFlexError: If the file is missing, too large, damaged, or defines entities.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise FetalFlexError(f"{path} has {size:,} bytes; at most {max_bytes:,} are read")
        root: Element = fromstring(path.read_bytes())
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error
    except DefusedXmlException as error:
        raise FetalFlexError(f"{path} defines entities, which annotation files do not need") from error
    except (ParseError, ValueError, LookupError) as error:
        raise FetalFlexError(f"{path} is no valid XML: {error}") from error
    return root


def number(value: Any, field: str) -> float:
    """Return a number that stands as text in a file, or came as a number from a table.

    Args:
        value: Text such as "12", "-3.5" or "1e-3", or an int or float.
        field: What the number is, for messages.

    Raises:
        FetalFlexError: If it is missing, no number, NaN or infinite.
    """
    if value is None or value == "":
        raise FetalFlexError(f"{field} is missing")
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FetalFlexError(f"{field} is {shown(value)}; it must be a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise FetalFlexError(f"{field} is {shown(value)}; it must be a finite number")
    return result


def child_text(element: Element, path: str) -> str | None:
    """Return the stripped text of a child element, None if there is none or it is empty."""
    text = element.findtext(path)
    return text.strip() or None if text else None


def files_ending(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Yield the files below a folder with one of the endings (lower case), sorted; hidden ones are passed over."""
    wanted = tuple(suffixes)
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not is_hidden and path.suffix.lower() in wanted and path.is_file():
            yield path
