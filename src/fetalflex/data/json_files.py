"""JSON files from outside, read with limits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

from fetalflex.errors import FetalFlexError

MAX_JSON_BYTES = 512 * 2**20


def read_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:
    """Return the content of a JSON file.

    Args:
        path: UTF-8 file; a byte order mark is allowed.
        max_bytes: Largest file that is read.

    Raises:
        FetalFlexError: If the file is missing, too large, or no JSON; NaN and Infinity are no JSON.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise FetalFlexError(f"{path} has {size:,} bytes; at most {max_bytes:,} are read")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise FetalFlexError(f"{path} is not written in UTF-8") from error
    return parse_json(text, str(path))


def parse_json(text: str, name: str) -> Any:
    """Return the value of a JSON text.

    Args:
        text: JSON.
        name: What to call it in messages.

    Raises:
        FetalFlexError: If it is no JSON.
    """
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise FetalFlexError(f"{name} is nested too deeply to be read") from error
    except ValueError as error:
        raise FetalFlexError(f"{name} is no valid JSON: {error}") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
