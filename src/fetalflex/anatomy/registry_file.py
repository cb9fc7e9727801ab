"""Read planes and structures from a YAML file, with messages that say where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from fetalflex.anatomy.checks import mapping_with_keys, shown
from fetalflex.anatomy.planes import Plane, Structure
from fetalflex.errors import FetalFlexError

_FORMAT = "fetalflex/planes"
_VERSION = 1
_LARGEST_FILE = 1_000_000


def read_registry_file(path: Path) -> tuple[list[Structure], list[Plane]]:
    """Return the structures and planes of a YAML file laid out like the packaged `planes.yaml`.

    Raises:
        FetalFlexError: the file is missing, larger than 1 MB, no YAML, or has unknown, missing or wrong entries.
    """
    try:
        data = _load_yaml(_read_text(path))
        top = mapping_with_keys(data, "the file", ("format", "version"), ("structures", "planes"))
        if top["format"] != _FORMAT or top["version"] != _VERSION:
            raise FetalFlexError(
                f"has the format {shown(top['format'])}, version {shown(top['version'])}; "
                f"expected {_FORMAT!r}, version {_VERSION}"
            )
        structures = [_structure(name, entry) for name, entry in _named_entries(top, "structures")]
        planes = [_plane(name, entry) for name, entry in _named_entries(top, "planes")]
    except FetalFlexError as error:
        raise FetalFlexError(f"{path}: {error}") from error
    return structures, planes


def registry_text(structures: Iterable[Structure], planes: Iterable[Plane]) -> str:
    """Return the text of a file that `read_registry_file` reads back to the same structures and planes."""
    data = {
        "format": _FORMAT,
        "version": _VERSION,
        "structures": {structure.name: _entry(structure) for structure in structures},
        "planes": {plane.name: _entry(plane) | {"typical_sizes": dict(plane.typical_sizes)} for plane in planes},
    }
    return yaml.safe_dump(json.loads(json.dumps(data)), sort_keys=False, default_flow_style=None, allow_unicode=True)


def _entry(described: Structure | Plane) -> dict[str, Any]:
    entry = asdict(described)
    del entry["name"]
    return entry


def _read_text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise FetalFlexError(f"larger than {_LARGEST_FILE // 1_000_000} MB, so it is no registry of planes")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise FetalFlexError(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise FetalFlexError("is not UTF-8 text") from error


def _load_yaml(text: str) -> Any:
    try:
        loader = _StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise FetalFlexError(f"is not valid YAML{where}: {getattr(error, 'problem', None) or error}") from error
    except (RecursionError, ValueError) as error:
        raise FetalFlexError("is not valid YAML: a value cannot be read") from error


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice in one mapping."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    problem = f"the key {shown(key_node.value)} stands twice"
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


def _named_entries(top: Any, section: str) -> list[tuple[str, Any]]:
    entries = top.get(section)
    if entries is None:
        return []
    if not isinstance(entries, dict):
        raise FetalFlexError(f"{section} must be a mapping of names to entries, got {shown(entries)}")
    for name in entries:
        if not isinstance(name, str):
            raise FetalFlexError(f"{section}: the name {shown(name)} is no text; put it in quotes")
    return list(entries.items())


def _structure(name: str, entry: Any) -> Structure:
    where = f"structure {name}"
    data = mapping_with_keys(entry, where, ("colour", "echogenicity", "typical_size"), ("title", "synonyms"))
    return Structure(
        name=name,
        title=_text(data.get("title", _title_of(name)), f"{where}: title"),
        colour=_tuple(data["colour"], f"{where}: colour"),
        echogenicity=data["echogenicity"],
        typical_size=_tuple(data["typical_size"], f"{where}: typical_size"),
        synonyms=_texts(data.get("synonyms", ()), f"{where}: synonyms"),
    )


def _plane(name: str, entry: Any) -> Plane:
    where = f"plane {name}"
    optional = ("title", "outline", "synonyms", "prompt_words", "typical_sizes")
    data = mapping_with_keys(entry, where, ("structures",), optional)
    outline = data.get("outline")
    sizes = data.get("typical_sizes") or {}
    if not isinstance(sizes, dict):
        raise FetalFlexError(f"{where}: typical_sizes must be a mapping of structures to sizes, got {shown(sizes)}")
    return Plane(
        name=name,
        title=_text(data.get("title", f"{_title_of(name)} plane"), f"{where}: title"),
        outline=None if outline is None else _text(outline, f"{where}: outline"),
        structures=_texts(data["structures"], f"{where}: structures"),
        synonyms=_texts(data.get("synonyms", ()), f"{where}: synonyms"),
        prompt_words=_texts(data.get("prompt_words", ()), f"{where}: prompt_words"),
        typical_sizes=tuple((key, _tuple(size, f"{where}: typical_sizes")) for key, size in sizes.items()),
    )


def _title_of(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FetalFlexError(f"{field} must be a text, got {shown(value)}")
    return value


def _tuple(value: Any, field: str) -> tuple[Any, ...]:
    if not isinstance(value, (list, tuple)):
        raise FetalFlexError(f"{field} must be a list, got {shown(value)}")
    return tuple(value)


def _texts(value: Any, field: str) -> tuple[str, ...]:
    return tuple(_text(item, field) for item in _tuple(value, field))
