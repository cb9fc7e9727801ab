"""Read anomalies from a YAML file, with messages that say where it is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from fetalflex.anatomy.anomalies.additions import PlaceNew
from fetalflex.anatomy.anomalies.anomaly import Anomaly, Range, Severity
from fetalflex.anatomy.anomalies.changes import ANY, Change, ChangeSize, Displace, Reflect, Split, TakeAway
from fetalflex.anatomy.anomalies.demands import KINDS, Demand, Sign
from fetalflex.anatomy.anomalies.directions import Axis, PlaneDirections
from fetalflex.anatomy.anomalies.rules import Rules
from fetalflex.anatomy.planes import check_canonical_name
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import items, mapping_with_keys, named_entries, one_of, shown, text, texts
from fetalflex.errors import FetalFlexError
from fetalflex.files.yaml_files import read_yaml

_FORMAT = "fetalflex/anomalies"
_VERSION = 1
_SECTIONS = ("sources", "rules", "directions", "signs", "anomalies")

CHANGE_KINDS: dict[str, type[Change]] = {
    kind.kind: kind for kind in (ChangeSize, Displace, Reflect, TakeAway, Split, PlaceNew)
}
_TEXTS = ("side", "keep", "along", "towards")
_NAMES = ("structure", "like", "touching", "opposite")


@dataclass(frozen=True)
class LibraryFile:
    """What one file says."""

    anomalies: tuple[Anomaly, ...]
    rules: Rules
    directions: tuple[PlaneDirections, ...]
    sources: dict[str, str]
    signs: dict[str, Sign]


def read_library_file(path: Path, registry: Registry) -> LibraryFile:
    """Return the contents of a YAML file laid out like the packaged `anomalies.yaml`.

    Raises:
        FetalFlexError: the file is missing, larger than 1 MB, no YAML, or has unknown, missing or wrong entries.
    """
    with _at(str(path)):
        top = mapping_with_keys(read_yaml(path, "library of anomalies"), "the file", ("format", "version"), _SECTIONS)
        if top["format"] != _FORMAT or isinstance(top["version"], bool) or top["version"] != _VERSION:
            raise FetalFlexError(
                f"has the format {shown(top['format'])}, version {shown(top['version'])}; "
                f"expected {_FORMAT!r}, version {_VERSION}"
            )
        return LibraryFile(
            tuple(_anomaly(name, entry, registry) for name, entry in named_entries(top, "anomalies")),
            _rules(top.get("rules") or {}, registry),
            tuple(_plane_directions(name, entry, registry) for name, entry in named_entries(top, "directions")),
            {key: text(citation, f"sources: {key}") for key, citation in named_entries(top, "sources")},
            dict(_sign(name, entry, registry) for name, entry in named_entries(top, "signs")),
        )


@contextmanager
def _at(where: str) -> Iterator[None]:
    """Put where a mistake lies before its message."""
    try:
        yield
    except FetalFlexError as error:
        raise FetalFlexError(f"{where}: {error}") from error


def _anomaly(name: str, entry: object, registry: Registry) -> Anomaly:
    with _at(f"anomaly {name}"):
        optional = ("title", "planes", "prompt_words", "organs", "demands")
        data = mapping_with_keys(entry, "it", ("about", "changes", "severities"), optional)
        changes = [_change(item, i, registry) for i, item in enumerate(items(data["changes"], "changes"))]
        severities = data["severities"]
        if not isinstance(severities, Mapping):
            raise FetalFlexError(f"severities must be a mapping of grades to entries, got {shown(severities)}")
        planes = tuple(registry.plane(plane).name for plane in texts(data.get("planes") or (), "planes"))
        organs = texts(data.get("organs", ()), "organs")
        demands = [_demand(item, i, registry) for i, item in enumerate(items(data.get("demands", ()), "demands"))]
        anomaly = Anomaly(
            name=name,
            title=text(data.get("title", name.replace("_", " ").capitalize()), "title"),
            about=text(data["about"], "about"),
            planes=planes,
            changes=tuple(changes),
            severities=tuple(_severity(key, value) for key, value in severities.items()),
            prompt_words=texts(data.get("prompt_words", ()), "prompt_words"),
            organs=tuple(_structure(organ, "organs", registry) for organ in organs),
            demands=tuple(demands),
        )
        _check_on_planes(anomaly, registry)
        return anomaly


def _check_on_planes(anomaly: Anomaly, registry: Registry) -> None:
    for plane in anomaly.planes:
        known = registry.plane(plane).structures
        for name in anomaly.mentions():
            if name not in known:
                raise FetalFlexError(
                    f"structure {name} does not belong to its plane {plane}, which has {', '.join(known)}"
                )
    demanded = {demand.structure for demand in anomaly.demands}
    for field, names in (("organs", set(anomaly.organs)), ("demands", demanded)):
        if ANY in names and not anomaly.for_any:
            raise FetalFlexError(f"{field} holds any, but none of the changes is of any structure")


def _severity(name: object, entry: object) -> Severity:
    with _at(f"severity {name}"):
        optional = ("values", "threshold", "sources", "prompt_words")
        data = mapping_with_keys(entry or {}, "it", (), optional)
        values = data.get("values") or {}
        if not isinstance(values, Mapping):
            raise FetalFlexError(f"values must be a mapping of names to ranges, got {shown(values)}")
        threshold = data.get("threshold")
        return Severity(
            name=check_canonical_name(name, "severity name"),
            values={text(key, "values"): _range(value, f"value {key}") for key, value in values.items()},
            threshold=None if threshold is None else text(threshold, "threshold"),
            sources=texts(data.get("sources", ()), "sources"),
            prompt_words=texts(data.get("prompt_words", (str(name).replace("_", " "),)), "prompt_words"),
        )


def _change(entry: object, index: int, registry: Registry) -> Change:
    with _at(f"changes[{index}]"):
        if not isinstance(entry, Mapping) or "do" not in entry:
            raise FetalFlexError(f"must be a mapping with the key 'do', got {shown(entry)}")
        kind = CHANGE_KINDS[one_of(entry["do"], "do", tuple(CHANGE_KINDS))]
        required = [field.name for field in fields(kind) if field.default is MISSING]
        optional = [field.name for field in fields(kind) if field.default is not MISSING]
        mapping_with_keys(entry, kind.kind, ("do", *required), optional)
        return kind(**{key: _field(key, value, registry) for key, value in entry.items() if key != "do"})


def _field(key: str, value: object, registry: Registry) -> Any:
    """Return the value of a change's field, checked as its kind of field needs it."""
    if key in _NAMES:
        return _structure(value, key, registry)
    if key == "centre_of":
        return tuple(_structure(name, key, registry) for name in texts(value, key))
    if key in _TEXTS:
        return text(value, key)
    if key in ("optional", "up_to"):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or value == "":
        raise FetalFlexError(f"{key} must be a number or the name of a value, got {shown(value)}")
    return value


def _structure(name: object, field: str, registry: Registry) -> str:
    if name == ANY:
        return ANY
    with _at(field):
        return registry.structure(text(name, "structure")).name


def _demand(entry: object, index: int, registry: Registry) -> Demand:
    with _at(f"demands[{index}]"):
        kinds = [kind for kind in KINDS if isinstance(entry, Mapping) and kind in entry]
        if len(kinds) != 1:
            raise FetalFlexError(f"must hold one of {', '.join(KINDS)} with a structure, got {shown(entry)}")
        data = mapping_with_keys(entry, kinds[0], (kinds[0],), ("at_least",))
        return Demand(kinds[0], _structure(data[kinds[0]], kinds[0], registry), data.get("at_least"))


def _sign(name: str, entry: object, registry: Registry) -> tuple[str, Sign]:
    with _at(f"signs: {name}"):
        data = mapping_with_keys(entry, "it", ("look", "at_least"))
        return registry.structure(name).name, Sign(text(data["look"], "look"), data["at_least"])


def _rules(entry: object, registry: Registry) -> Rules:
    with _at("rules"):
        data = mapping_with_keys(entry, "it", (), ("bones", "surroundings", "may_overlap"))
        names = {
            key: frozenset(_structure(name, key, registry) for name in texts(data.get(key, ()), key))
            for key in ("bones", "surroundings")
        }
        pairs = [_pair(pair, "may_overlap", registry) for pair in items(data.get("may_overlap", ()), "may_overlap")]
        return Rules(names["bones"], names["surroundings"], frozenset(frozenset(pair) for pair in pairs))


def _plane_directions(name: str, entry: object, registry: Registry) -> PlaneDirections:
    with _at(f"directions: {name}"):
        if not isinstance(entry, Mapping):
            raise FetalFlexError(f"must be a mapping of directions to landmarks, got {shown(entry)}")
        along_outline = entry.get("along_outline", False)
        if not isinstance(along_outline, bool):
            raise FetalFlexError(f"along_outline must be true or false, got {shown(along_outline)}")
        axes = [
            Axis(key, tuple(_pair(pair, key, registry) for pair in items(pairs, key)))
            for key, pairs in entry.items()
            if key != "along_outline"
        ]
        return PlaneDirections(registry.plane(name).name, tuple(axes), along_outline)


def _pair(value: object, field: str, registry: Registry) -> tuple[str, str]:
    names = [_structure(name, field, registry) for name in texts(value, field)]
    if len(names) != 2:
        raise FetalFlexError(f"{field} must hold pairs of structures, got {len(names)} in one")
    return names[0], names[1]


def _range(value: object, field: str) -> Range:
    pair = items(value, field)
    if len(pair) != 2:
        raise FetalFlexError(f"{field} must be [lowest, highest], got {len(pair)} numbers")
    return pair[0], pair[1]
