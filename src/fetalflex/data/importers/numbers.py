"""Numbers, flags and keys as the files of many tools write them: one reader for all importers."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import Generic, Literal, TypeVar

from fetalflex.checks import finite_number, shown
from fetalflex.data.limits import MAX_DIGITS
from fetalflex.errors import FetalFlexError

Decimal = Literal["point", "comma"]

_SPACE = " \t\r\n\u00a0\ufeff"
_POINT = re.compile(r"[+-]?(\d{1,300}(\.\d{0,300})?|\.\d{1,300})([eE][+-]?\d{1,4})?", re.ASCII)
_COMMA = re.compile(r"[+-]?(\d{1,300},\d{0,300}|,\d{1,300})([eE][+-]?\d{1,4})?", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_OF_NUMPY = re.compile(r"(?:np|numpy)\.(?:float|int|uint)\d{1,3}\((.*)\)", re.ASCII)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False, "": False}


def number(value: object, field: str, decimal: Decimal | None = None) -> float:
    """Return a number that stands as text in a file, or came as a number from a table or JSON.

    Args:
        value: Text such as "12", "-3.5", "1e-3", "32,0" or "np.float64(1.5)", or an int or float.
        field: What the number is, for messages.
        decimal: What stands before the decimals in this file; None if not known.

    Raises:
        FetalFlexError: If it is missing, no number, NaN or infinite, or "1,024" may be 1.024 or 1024.
    """
    if value is None or value == "":
        raise FetalFlexError(f"{field} is missing")
    if isinstance(value, str):
        value = _from_text(value, field, decimal)
    return finite_number(value, field)


def _from_text(text: str, field: str, decimal: Decimal | None) -> object:
    stripped = text.strip(_SPACE)
    if match := _OF_NUMPY.fullmatch(stripped):
        stripped = match.group(1)
    if _POINT.fullmatch(stripped) and not (decimal == "comma" and "." in stripped):
        result = float(stripped)
        return result if math.isfinite(result) else text
    if _COMMA.fullmatch(stripped) and decimal != "point":
        if decimal is None and _GROUPED.fullmatch(stripped):
            raise FetalFlexError(
                f"{field} is {shown(text)}, which may be {stripped.replace(',', '.')} or {stripped.replace(',', '')}; "
                "write it with a decimal point and without thousands"
            )
        return float(stripped.replace(",", "."))
    return text


def decimal_of(values: Iterable[object]) -> Decimal | None:
    """Return what stands before the decimals in the numbers of a file, None if none of them tells.

    Args:
        values: Cells or words; those that are no text or no number do not count.

    Raises:
        FetalFlexError: If some have a point and others a comma.
    """
    point = comma = None
    for value in values:
        if not isinstance(value, str):
            continue
        stripped = value.strip(_SPACE)
        if "." in stripped and _POINT.fullmatch(stripped):
            point = point or stripped
        elif _COMMA.fullmatch(stripped) and not _GROUPED.fullmatch(stripped):
            comma = comma or stripped
    if point and comma:
        raise FetalFlexError(f"some numbers have a decimal point ({point}), others a comma ({comma}); use one of them")
    return "point" if point else "comma" if comma else None


def flag(value: object, field: str) -> bool:
    """Return a yes or no: true, 1, "1", "true", "yes" and their opposites; what is missing is no.

    Raises:
        FetalFlexError: If it is anything else.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else value
    if isinstance(word, str) and word in _FLAGS:
        return _FLAGS[word]
    if isinstance(word, (int, float)) and word in (0, 1):
        return bool(word)
    raise FetalFlexError(f"{field} is {shown(value)}; it must be true or false, 1 or 0")


def whole(value: object, field: str) -> int:
    """Return a whole number from 0 on; 3, 3.0, "3" and "3.000000" are the same.

    Raises:
        FetalFlexError: If it is no such number, or one of more than 18 digits.
    """
    result = number(value, field)
    if result < 0 or not result.is_integer() or result >= 10**MAX_DIGITS:
        raise FetalFlexError(f"{field} is {shown(value)}; it must be a whole number from 0 on")
    return int(value) if isinstance(value, int) else int(result)


def key_of(value: object, field: str) -> int | str:
    """Return an id as it is compared: 1 and 1.0 are one, "1" is a text.

    Raises:
        FetalFlexError: If it is neither a whole number nor a text that is not empty.
    """
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise FetalFlexError(f"{field} is {shown(value)}; it must be a whole number or a text")


def count_doubt(used: Collection[int], known: Collection[int], what: str) -> str | None:
    """Return what to say if numbers make sense only if they are counted from another beginning than their list.

    Where labels count from 1 and names from 0, all but the last number have a name, and a wrong one.

    Args:
        used: Numbers that labels have.
        known: Numbers that have a name.
        what: What the numbers are, in the plural.
    """
    if not used or not known or set(used) <= set(known):
        return None
    for shift, count in ((1, "one more"), (-1, "one less")):
        if {number - shift for number in used} <= set(known):
            return (
                f"the labels have the {what} {min(used)} to {max(used)}, the names {min(known)} to {max(known)}, so "
                f"the labels seem to count {count}; correct the list of names so that each number is there"
            )
    return None


KeyT = TypeVar("KeyT", bound=Hashable)
MeaningT = TypeVar("MeaningT")


class Keys(Generic[KeyT, MeaningT]):
    """Keys and what they mean; a key with two meanings has none.

    Args:
        what: What a key is, for messages, such as "image id".
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._entries: dict[KeyT, tuple[MeaningT, str]] = {}
        self._other: dict[KeyT, str] = {}
        self._spellings: dict[str, list[KeyT]] = {}

    def add(self, key: KeyT, value: MeaningT, where: str) -> None:
        """Say what a key means, and where that stands; saying the same again is no harm."""
        known = self._entries.setdefault(key, (value, where))
        if known[1] == where:
            self._spellings.setdefault(str(key), []).append(key)
        elif known[0] != value:
            self._other.setdefault(key, where)

    def get(self, key: KeyT) -> MeaningT:
        """Return what the key means; where it is not there, one that is written alike, as 1 and "1" are.

        Raises:
            KeyError: If there is none.
            FetalFlexError: If the key means two things.
        """
        if key not in self._entries:
            alike = self._spellings.get(str(key), [])
            if len(alike) != 1:
                raise KeyError(key)
            key = alike[0]
        if key in self._other:
            raise FetalFlexError(self._doubt(key))
        return self._entries[key][0]

    def is_double(self, key: KeyT) -> bool:
        """Tell whether a key means two things."""
        return key in self._other

    def doubts(self) -> Iterator[str]:
        """Yield a sentence for each key that means two things."""
        for key in self._other:
            yield self._doubt(key)

    def items(self) -> list[tuple[KeyT, MeaningT]]:
        """Return the keys that mean one thing, and what."""
        return [(key, value) for key, (value, _) in self._entries.items() if key not in self._other]

    def _doubt(self, key: KeyT) -> str:
        first = self._entries[key][1]
        return f"the {self._what} {shown(key)} means two things, by {first} and by {self._other[key]}; correct one"
