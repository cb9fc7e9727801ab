"""Edits as short texts, as typed on the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from fetalflex.anatomy.edits import EDIT_KINDS, Add, Edit, Mirror, Move, Remove, Resize, Rotate, Scale
from fetalflex.checks import one_of, shown
from fetalflex.errors import FetalFlexError

_NUMBER = re.compile(r"\s*(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(?P<unit>px|%|mm)?\s*")
_TIMES = re.compile(r"(?<!p)[xX×]")  # but not the x of px
_UNIT_OF_SUFFIX = {"px": "px", "%": "fraction", "mm": "mm"}


def parse_edit(kind: str, text: str, alone: bool = False) -> Edit:
    """Read one edit from a short text, as typed on the command line.

    Numbers may carry the unit `px` (default), `%` (of the image's width and height) or `mm`; one unit counts for all
    numbers of the edit.

    Args:
        kind: `move`, `scale`, `resize`, `rotate`, `remove`, `add` or `mirror`.
        text: `stomach:+20,-10`, `stomach:+5%,-3%`, `lateral_ventricle[1]:4mm,0mm` (move); `stomach:1.5`,
            `stomach:150%` or `stomach:1.5,1.0` (scale); `stomach:60x40` (resize); `skull:15` (rotate); `stomach`
            (remove); `stomach:120,90` or `stomach:120,90,60x40` or `stomach:120,90,60x40@15` (add); `horizontal`
            (mirror).
        alone: whether an outline is to be changed without what lies in it.

    Raises:
        FetalFlexError: the text does not have the form of its kind.
    """
    one_of(kind, "edit kind", tuple(EDIT_KINDS))
    if not isinstance(text, str):
        raise FetalFlexError(f"{kind} must be a text, got {shown(text)}")
    try:
        edit = _PARSERS[kind](text.strip())
    except FetalFlexError as error:
        raise FetalFlexError(f"{kind} {shown(text)}: {error}; write for example {_EXAMPLES[kind]}") from error
    return replace(edit, alone=True) if alone and isinstance(edit, (Move, Scale, Resize, Rotate)) else edit


def _parse_move(text: str) -> Move:
    structure, rest = _structure_and_rest(text)
    (dx, dy), unit = _numbers(_pair(rest, ","))
    return Move(structure, dx, dy, unit)


def _parse_scale(text: str) -> Scale:
    structure, rest = _structure_and_rest(text)
    first, second = _pair(rest, ",") if "," in rest else (rest, None)
    return Scale(structure, _factor(first), None if second is None else _factor(second))


def _parse_resize(text: str) -> Resize:
    structure, rest = _structure_and_rest(text)
    (width, height), unit = _numbers(_size_parts(rest))
    return Resize(structure, width, height, unit)


def _parse_rotate(text: str) -> Rotate:
    structure, rest = _structure_and_rest(text)
    return Rotate(structure, _plain_number(rest))


def _parse_add(text: str) -> Add:
    structure, rest = _structure_and_rest(text)
    place, at, degrees = rest.partition("@")
    angle = _plain_number(degrees) if at else None
    parts = place.split(",")
    if len(parts) == 2:
        (cx, cy), unit = _numbers(parts)
        return Add(structure, cx, cy, angle=angle, unit=unit)
    if len(parts) != 3:
        raise FetalFlexError("expected a centre, and perhaps a size, separated by commas")
    (cx, cy, width, height), unit = _numbers([*parts[:2], *_size_parts(parts[2])])
    return Add(structure, cx, cy, width, height, angle, unit)


_PARSERS: dict[str, Callable[[str], Edit]] = {
    "move": _parse_move,
    "scale": _parse_scale,
    "resize": _parse_resize,
    "rotate": _parse_rotate,
    "remove": Remove,
    "add": _parse_add,
    "mirror": Mirror,
}
_EXAMPLES = {
    "move": "stomach:+20,-10 or stomach:+5%,-3% or stomach:+4mm,0mm",
    "scale": "stomach:1.5 or stomach:150% or stomach:1.5,1.0",
    "resize": "stomach:60x40",
    "rotate": "skull:15",
    "remove": "stomach",
    "add": "stomach:120,90 or stomach:120,90,60x40",
    "mirror": "horizontal or vertical",
}


def _structure_and_rest(text: str) -> tuple[str, str]:
    structure, colon, rest = text.rpartition(":")
    if not colon:
        raise FetalFlexError("expected a structure, a colon and numbers")
    return structure.strip(), rest


def _pair(text: str, separator: str) -> tuple[str, str]:
    parts = text.split(separator)
    if len(parts) != 2:
        raise FetalFlexError(f"expected two numbers separated by {separator!r}")
    return parts[0], parts[1]


def _size_parts(text: str) -> tuple[str, str]:
    parts = _TIMES.split(text)
    if len(parts) != 2:
        raise FetalFlexError("expected a size such as 60x40")
    return parts[0], parts[1]


def _numbers(parts: tuple[str, ...] | list[str]) -> tuple[list[float], str]:
    """Return the numbers and their common unit; fractions come as 0 to 1."""
    values, suffixes = [], set()
    for part in parts:
        match = _NUMBER.fullmatch(part)
        if match is None:
            raise FetalFlexError(f"{shown(part.strip())} is no number with a unit of px, % or mm")
        values.append(float(match["number"]))
        if match["unit"]:
            suffixes.add(match["unit"])
    if len(suffixes) > 1:
        raise FetalFlexError(f"units {' and '.join(sorted(suffixes))} are mixed; use one for all numbers")
    unit = _UNIT_OF_SUFFIX[suffixes.pop() if suffixes else "px"]
    return [value / 100 for value in values] if unit == "fraction" else values, unit


def _factor(text: str) -> float:
    """Return a factor from `1.5` or `150%`."""
    share = text.strip().removesuffix("%")
    return _plain_number(share) / 100 if share != text.strip() else _plain_number(text)


def _plain_number(text: str) -> float:
    match = _NUMBER.fullmatch(text)
    if match is None or match["unit"]:
        raise FetalFlexError(f"{shown(text.strip())} is no plain number")
    return float(match["number"])
