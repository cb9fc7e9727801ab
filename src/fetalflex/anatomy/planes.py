"""A standard plane and an anatomical structure, as the registry describes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fetalflex.checks import one_of, positive_number, shown, whole_number
from fetalflex.errors import FetalFlexError

ECHOGENICITIES = ("anechoic", "hypoechoic", "isoechoic", "hyperechoic")
_DARKEST_MAXIMUM = 64
_CANONICAL_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Structure:
    """Describe one anatomical structure.

    Args:
        name: canonical name: lower case letters, digits, underscores.
        title: name for people.
        colour: (red, green, blue), 0 to 255, its colour in layout maps.
        echogenicity: `anechoic`, `hypoechoic`, `isoechoic` or `hyperechoic`.
        typical_size: (width, height) as a fraction of the plane's outline box, or of the image where the plane has no
            outline or the structure is the outline.
        synonyms: other names under which it is found.
    """

    name: str
    title: str
    colour: tuple[int, int, int]
    echogenicity: str
    typical_size: tuple[float, float]
    synonyms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_canonical_name(self.name, "structure name")
        one_of(self.echogenicity, f"structure {self.name}: echogenicity", ECHOGENICITIES)
        _check_colour(self.colour, f"structure {self.name}: colour")
        _check_size(self.typical_size, f"structure {self.name}: typical_size")


@dataclass(frozen=True, slots=True)
class Plane:
    """Describe one standard plane.

    Args:
        name: canonical name: lower case letters, digits, underscores.
        title: name for people, used in prompts.
        outline: structure whose box bounds the others (skull, abdomen), or None.
        structures: canonical names of the structures that may be seen, the outline included.
        synonyms: other names under which it is found.
        prompt_words: further words that prompts about this plane may use.
        typical_sizes: (structure, (width, height)) where the size differs from the structure's own.
    """

    name: str
    title: str
    outline: str | None
    structures: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    prompt_words: tuple[str, ...] = ()
    typical_sizes: tuple[tuple[str, tuple[float, float]], ...] = ()

    def __post_init__(self) -> None:
        where = f"plane {check_canonical_name(self.name, 'plane name')}"
        if len(set(self.structures)) != len(self.structures):
            raise FetalFlexError(f"{where}: a structure is listed twice")
        if self.outline is not None and self.outline not in self.structures:
            raise FetalFlexError(f"{where}: outline {self.outline!r} is missing among its structures")
        for name, size in self.typical_sizes:
            if name not in self.structures:
                raise FetalFlexError(f"{where}: typical_sizes names {name!r}, which is not among its structures")
            _check_size(size, f"{where}: typical size of {name}")


def check_canonical_name(name: object, field: str) -> str:
    """Return `name` if it has the form of a registry name (a-z, 0-9, _, up to 64), or raise FetalFlexError."""
    if not isinstance(name, str) or not _CANONICAL_NAME.fullmatch(name):
        raise FetalFlexError(
            f"{field} must be lower case letters, digits and underscores, starting with a letter, got {shown(name)}; "
            "look it up in the registry to turn a label into its name"
        )
    return name


def _check_size(size: tuple[float, float], field: str) -> None:
    if len(size) != 2:
        raise FetalFlexError(f"{field} must be [width, height], got {len(size)} values")
    for value in size:
        if positive_number(value, field) > 1:
            raise FetalFlexError(f"{field} is a fraction and must not exceed 1, got {value:g}")


def _check_colour(colour: tuple[int, int, int], field: str) -> None:
    if len(colour) != 3:
        raise FetalFlexError(f"{field} must be [red, green, blue], got {len(colour)} values")
    for value in colour:
        whole_number(value, field, 0, 255)
    if max(colour) < _DARKEST_MAXIMUM:
        raise FetalFlexError(
            f"{field} {list(colour)} is too close to black, which means 'nothing there'; "
            f"use at least {_DARKEST_MAXIMUM} in one channel"
        )
