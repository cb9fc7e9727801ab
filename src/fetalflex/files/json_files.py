"""JSON files and texts, read strictly and within limits."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from fetalflex.checks import mapping_with_keys, shown
from fetalflex.errors import FetalFlexError

JsonObject = dict[str, Any]
"""Values by name, each a JSON value: text, number, true, false, null, a list or another object."""

JsonMapping = Mapping[str, Any]
"""The same, for reading only."""

_SMALL_FILE = 10_000_000
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes, what: str, max_bytes: int = _SMALL_FILE) -> Any:
    """Return the value of a JSON text.

    Args:
        text: JSON; a byte order mark is allowed.
        what: what to call it in messages.
        max_bytes: the longest text that is read.

    Raises:
        FetalFlexError: longer, not JSON or UTF-8, NaN or infinity, a key given twice, or nested too deep.
    """
    if len(text) > max_bytes:
        raise FetalFlexError(f"{what} is larger than {max_bytes / 1e6:g} MB, the most that is read")
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_finite, object_pairs_hook=_refuse_duplicates
        )
        if _HALF_CHARACTER.search(text) is not None:  # half a pair is no text: it could be written nowhere
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except UnicodeEncodeError as error:
        raise FetalFlexError(f"{what} is not valid JSON: it holds half a character (a lone surrogate)") from error
    except UnicodeDecodeError as error:
        raise FetalFlexError(f"{what} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise FetalFlexError(f"{what} is not valid JSON at {where}: {error.msg}") from error
    except (RecursionError, ValueError) as error:
        reason = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise FetalFlexError(f"{what} is not valid JSON: {reason}") from error


def read_json(path: str | Path, max_bytes: int = _SMALL_FILE) -> Any:
    """Return the value in a JSON file of at most `max_bytes`, or raise FetalFlexError that names the file."""
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror}") from error
    return parse_json(data, str(path), max_bytes)


def json_text(value: object) -> str:
    """Return `value` as indented JSON that ends with a line break; NaN raises ValueError."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def tagged_with(data: object, format_name: str, version: int, what: str) -> JsonObject:
    """Check the `format` and `version` of a JSON object and return its other keys."""
    if not isinstance(data, Mapping):
        raise FetalFlexError(f"{what} must be a JSON object, got {shown(data)}")
    mapping_with_keys({key: data[key] for key in data if key in ("format", "version")}, what, ("format", "version"))
    if data["format"] != format_name or isinstance(data["version"], bool) or data["version"] != version:
        raise FetalFlexError(
            f"{what} has the format {shown(data['format'])}, version {shown(data['version'])}; "
            f"expected {format_name!r}, version {version}"
        )
    return {key: value for key, value in data.items() if key not in ("format", "version")}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not allowed")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {shown(digits)} is not finite")
    return number


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> JsonObject:
    data = dict(pairs)
    if len(data) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {shown(twice)} stands twice")
    return data
