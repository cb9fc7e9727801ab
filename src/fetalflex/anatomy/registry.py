"""Registry: the standard planes and their structures, looked up by name or synonym."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from fetalflex.anatomy.planes import Plane, Structure
from fetalflex.checks import did_you_mean, shown
from fetalflex.errors import FetalFlexError

_SMALLEST_COLOUR_DISTANCE = 24.0

_Entry = TypeVar("_Entry", Structure, Plane)


class Registry:
    """All planes and structures, in a stable order.

    Args:
        structures: names, synonyms and colours must be unique; colours differ by at least 24 and are not near black.
        planes: names and synonyms must be unique; their structures must be among `structures`.

    Raises:
        FetalFlexError: one of these rules is broken.
    """

    def __init__(self, structures: Iterable[Structure], planes: Iterable[Plane]) -> None:
        self._structures = tuple(structures)
        self._planes = tuple(planes)
        self._structure_by_key = _by_key("structure", self._structures)
        self._plane_by_key = _by_key("plane", self._planes)
        _check_colours_differ(self._structures)
        for plane in self._planes:
            for name in plane.structures:
                if not any(name == structure.name for structure in self._structures):
                    hint = did_you_mean(name, (structure.name for structure in self._structures))
                    raise FetalFlexError(
                        f"plane {plane.name} lists the structure {name!r}, which is not defined.{hint}"
                    )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Registry):
            return NotImplemented
        return self.structures == other.structures and self.planes == other.planes

    def __hash__(self) -> int:
        return hash((self._structures, self._planes))

    def __repr__(self) -> str:
        return f"Registry({len(self._structures)} structures, {len(self._planes)} planes)"

    @property
    def structures(self) -> tuple[Structure, ...]:
        """All structures, in the order that trained models rely on."""
        return self._structures

    @property
    def planes(self) -> tuple[Plane, ...]:
        """All planes, in the order that trained models rely on."""
        return self._planes

    def structure(self, name: str) -> Structure:
        """Find a structure by name, title or synonym; case, spaces, hyphens and underscores do not matter.

        Raises:
            FetalFlexError: unknown, with close matches.
        """
        return _find("structure", name, self._structure_by_key, self._structures)

    def plane(self, name: str) -> Plane:
        """Find a plane by name, title or synonym; case, spaces, hyphens and underscores do not matter.

        Raises:
            FetalFlexError: unknown, with close matches.
        """
        return _find("plane", name, self._plane_by_key, self._planes)

    def typical_size(self, plane: str, structure: str) -> tuple[float, float]:
        """Return (width, height) of a structure on a plane, as a fraction of the plane's outline box or the image."""
        found = self.structure(structure)
        return dict(self.plane(plane).typical_sizes).get(found.name, found.typical_size)

    def merged_with(self, other: Registry) -> Registry:
        """Return a registry with the planes and structures of both, those of `other` after those of this one.

        A plane known to both gets the structures, synonyms and words of both.

        Raises:
            FetalFlexError: the two define a structure or an outline differently, or share a colour or synonym.
        """
        return self._with(other.structures, other.planes)

    def extended_with(self, path: str | Path) -> Registry:
        """Return this registry with the planes and structures of a YAML file added; they may refer to known ones."""
        structures, planes = _read(path)
        try:
            return self._with(structures, planes)
        except FetalFlexError as error:
            raise FetalFlexError(f"{path}: {error}") from error

    @classmethod
    def load(cls, path: str | Path) -> Registry:
        """Read a complete registry from a YAML file laid out like the packaged `planes.yaml`.

        Raises:
            FetalFlexError: the file is missing, larger than 1 MB, no YAML, or breaks a rule; the message says where.
        """
        structures, planes = _read(path)
        try:
            return cls(structures, planes)
        except FetalFlexError as error:
            raise FetalFlexError(f"{path}: {error}") from error

    def to_yaml(self) -> str:
        """Return the text of a file that `load` reads back to an equal registry."""
        from fetalflex.anatomy.registry_file import registry_text

        return registry_text(self._structures, self._planes)

    def _with(self, structures: Iterable[Structure], planes: Iterable[Plane]) -> Registry:
        all_structures = {structure.name: structure for structure in self._structures}
        for structure in structures:
            if all_structures.setdefault(structure.name, structure) != structure:
                raise FetalFlexError(
                    f"structure {structure.name} is already defined differently; choose another name for it"
                )
        all_planes = {plane.name: plane for plane in self._planes}
        for plane in planes:
            known = all_planes.get(plane.name)
            all_planes[plane.name] = plane if known is None else _united(known, plane)
        return Registry(all_structures.values(), all_planes.values())


@functools.cache
def default_registry() -> Registry:
    """Return the packaged registry, read once."""
    return Registry.load(Path(__file__).with_name("planes.yaml"))


def model_registry(folder: str | Path) -> Registry:
    """Return the planes and structures that a model folder was trained with, or the built-in ones if it names none.

    Raises:
        FetalFlexError: the folder's `planes.yaml` is damaged.
    """
    path = Path(folder) / "planes.yaml"
    return Registry.load(path) if path.is_file() else default_registry()


def _read(path: str | Path) -> tuple[list[Structure], list[Plane]]:
    from fetalflex.anatomy.registry_file import read_registry_file  # here, so that yaml is loaded only when needed

    return read_registry_file(Path(path))


def _key(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())


def _all_names(entry: Structure | Plane) -> tuple[str, ...]:
    return (entry.name, entry.title, *entry.synonyms)


def _by_key(kind: str, entries: Iterable[_Entry]) -> dict[str, _Entry]:
    table: dict[str, _Entry] = {}
    for entry in entries:
        for name in _all_names(entry):
            known = table.setdefault(_key(name), entry)
            if known is not entry:
                raise FetalFlexError(
                    f"{kind}s {known.name} and {entry.name} share the name or synonym {shown(name)}; it must be unique"
                )
    return table


def _find(kind: str, name: str, table: Mapping[str, _Entry], entries: tuple[_Entry, ...]) -> _Entry:
    found = table.get(_key(name)) if isinstance(name, str) else None
    if found is not None:
        return found
    spellings = {spelling.lower(): entry.name for entry in entries for spelling in _all_names(entry)}
    hint = did_you_mean(name.lower(), spellings) if isinstance(name, str) else ""
    known = "" if hint else f" Known are {', '.join(entry.name for entry in entries)}."
    raise FetalFlexError(f"unknown {kind} {shown(name)}.{hint}{known}")


def _united(known: Plane, added: Plane) -> Plane:
    if added.outline not in (None, known.outline):
        raise FetalFlexError(f"plane {known.name} has the outline {known.outline}, which cannot become {added.outline}")
    sizes = dict(known.typical_sizes) | dict(added.typical_sizes)
    return replace(
        known,
        structures=tuple(dict.fromkeys(known.structures + added.structures)),
        synonyms=tuple(dict.fromkeys(known.synonyms + added.synonyms)),
        prompt_words=tuple(dict.fromkeys(known.prompt_words + added.prompt_words)),
        typical_sizes=tuple(sizes.items()),
    )


def _check_colours_differ(structures: tuple[Structure, ...]) -> None:
    for i, first in enumerate(structures):
        for second in structures[:i]:
            if math.dist(first.colour, second.colour) < _SMALLEST_COLOUR_DISTANCE:
                raise FetalFlexError(
                    f"structures {second.name} and {first.name} have the same or nearly the same colour "
                    f"{list(first.colour)}; choose another for one of them"
                )
