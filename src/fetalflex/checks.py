"""Check values that come from people and files, one clear message each."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, SupportsIndex

from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from pydantic import ValidationError

_PLAIN = {"tuple_type": "Input should be a list"}
"""What to say where pydantic would speak of Python."""


def shown(value: object, limit: int = 60) -> str:
    """Return `repr(value)`, cut to `limit` characters, for use in messages."""
    if isinstance(value, (str, bytes)):
        value = value[: limit + 1]
    elif isinstance(value, (dict, list, tuple, set, frozenset)):
        return f"a {type(value).__name__} of {len(value)} items"
    try:
        text = repr(value)
    except ValueError:  # an int of thousands of digits
        text = f"a very large {type(value).__name__}"
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def finite_number(value: object, field: str) -> float:
    """Return `value` as a float.

    Raises:
        FetalFlexError: `value` is no real number (a bool is none), is NaN, or is infinite.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise FetalFlexError(f"{field} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FetalFlexError(f"{field} must be finite, got {shown(value)}")
    return number


def finite_numbers(value: object, field: str, count: int) -> list[float]:
    """Return a list of so many finite numbers as floats, or raise FetalFlexError."""
    if not isinstance(value, list) or len(value) != count:
        raise FetalFlexError(f"{field} must be a list of {count} numbers, got {shown(value)}")
    return [finite_number(one, field) for one in value]


def positive_number(value: object, field: str) -> float:
    """Return `value` as a float > 0, or raise FetalFlexError."""
    number = finite_number(value, field)
    if number <= 0:
        raise FetalFlexError(f"{field} must be greater than 0, got {shown(value)}")
    return number


def whole_number(value: object, field: str, low: int, high: int) -> int:
    """Return `value` as an int between `low` and `high` (both included), or raise FetalFlexError."""
    number = None
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        with suppress(TypeError):  # an array of several numbers has the method, too
            number = operator.index(value)
    if number is None or not low <= number <= high:
        raise FetalFlexError(f"{field} must be a whole number from {low} to {high}, got {shown(value)}")
    return number


def one_of(value: object, field: str, allowed: Collection[str]) -> str:
    """Return `value` if it is one of the `allowed` words, or raise FetalFlexError."""
    if not isinstance(value, str) or value not in allowed:
        raise FetalFlexError(f"{field} must be one of {', '.join(allowed)}, got {shown(value)}")
    return value


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean a or b?" for the known words close to `word`, or an empty text."""
    import difflib

    close = difflib.get_close_matches(str(word)[:100], list(known), n=3, cutoff=0.6)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def mapping_with_keys(
    value: object, what: str, required: Collection[str], optional: Collection[str] = ()
) -> Mapping[str, Any]:
    """Return `value` if it is a mapping with all `required` keys and none beyond `required` and `optional`.

    Raises:
        FetalFlexError: names `what` and the first key that is unknown or missing.
    """
    if not isinstance(value, Mapping):
        raise FetalFlexError(f"{what} must be a mapping of names to values, got {shown(value)}")
    known = [*required, *optional]
    for key in value:
        if key not in known:
            hint = did_you_mean(key, known) if isinstance(key, str) else ""
            raise FetalFlexError(f"{what} has the unknown key {shown(key)}; allowed are {', '.join(known)}.{hint}")
    for key in required:
        if key not in value:
            raise FetalFlexError(f"{what} lacks the key {key!r}; it needs {', '.join(required)}")
    return value


def text(value: object, field: str) -> str:
    """Return `value` if it is a text with more than white space, or raise FetalFlexError."""
    if not isinstance(value, str) or not value.strip():
        raise FetalFlexError(f"{field} must be a text, got {shown(value)}")
    return value


def items(value: object, field: str) -> tuple[Any, ...]:
    """Return the items of a list as a tuple, or raise FetalFlexError."""
    if not isinstance(value, (list, tuple)):
        raise FetalFlexError(f"{field} must be a list, got {shown(value)}")
    return tuple(value)


def texts(value: object, field: str) -> tuple[str, ...]:
    """Return the items of a list of texts as a tuple, or raise FetalFlexError."""
    return tuple(text(item, field) for item in items(value, field))


def named_entries(data: Mapping[str, Any], section: str) -> list[tuple[str, Any]]:
    """Return the pairs of the mapping that is a section of `data`, none if it is missing or empty.

    Raises:
        FetalFlexError: the section is no mapping, or a name in it is no text.
    """
    entries = data.get(section)
    if entries is None:
        return []
    if not isinstance(entries, Mapping):
        raise FetalFlexError(f"{section} must be a mapping of names to entries, got {shown(entries)}")
    for name in entries:
        if not isinstance(name, str):
            raise FetalFlexError(f"{section}: the name {shown(name)} is no text; put it in quotes")
    return list(entries.items())


def describe_error(error: ValidationError) -> str:
    """Return one line that names every wrong field of a config, what is allowed and, where it helps, what came."""
    problems = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        came = "" if problem["type"] in {"missing", "value_error"} else f" (got {shown(problem['input'])})"
        message = _PLAIN.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        problems.append(f"{field + ': ' if field else ''}{message}{came}")
    return "; ".join(problems)
