"""Read planes and structures from a YAML file, with messages that say where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import yaml

from fetalflex.anatomy.planes import Plane, Structure
from fetalflex.checks import items, mapping_with_keys, named_entries, shown, text, texts
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.files.yaml_files import read_yaml

_FORMAT = "fetalflex/planes"
_VERSION = 1


def read_registry_file(path: Path) -> tuple[list[Structure], list[Plane]]:
    """Return the structures and planes of a YAML file laid out like the packaged `planes.yaml`.

    Raises:
        FetalFlexError: the file is missing, larger than 1 MB, no YAML, or has unknown, missing or wrong entries.
    """
    try:
        data = read_yaml(path, "registry of planes")
        top = mapping_with_keys(data, "the file", ("format", "version"), ("structures", "planes"))
        if top["format"] != _FORMAT or top["version"] != _VERSION:
            raise FetalFlexError(
                f"has the format {shown(top['format'])}, version {shown(top['version'])}; "
                f"expected {_FORMAT!r}, version {_VERSION}"
            )
        structures = [_structure(name, entry) for name, entry in named_entries(top, "structures")]
        planes = [_plane(name, entry) for name, entry in named_entries(top, "planes")]
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


def _entry(described: Structure | Plane) -> JsonObject:
    entry = asdict(described)
    del entry["name"]
    return entry


def _structure(name: str, entry: object) -> Structure:
    where = f"structure {name}"
    data = mapping_with_keys(entry, where, ("colour", "echogenicity", "typical_size"), ("title", "synonyms"))
    return Structure(
        name=name,
        title=text(data.get("title", _title_of(name)), f"{where}: title"),
        colour=items(data["colour"], f"{where}: colour"),
        echogenicity=data["echogenicity"],
        typical_size=items(data["typical_size"], f"{where}: typical_size"),
        synonyms=texts(data.get("synonyms", ()), f"{where}: synonyms"),
    )


def _plane(name: str, entry: object) -> Plane:
    where = f"plane {name}"
    optional = ("title", "outline", "synonyms", "prompt_words", "typical_sizes")
    data = mapping_with_keys(entry, where, ("structures",), optional)
    outline = data.get("outline")
    sizes = data.get("typical_sizes") or {}
    if not isinstance(sizes, dict):
        raise FetalFlexError(f"{where}: typical_sizes must be a mapping of structures to sizes, got {shown(sizes)}")
    return Plane(
        name=name,
        title=text(data.get("title", f"{_title_of(name)} plane"), f"{where}: title"),
        outline=None if outline is None else text(outline, f"{where}: outline"),
        structures=texts(data["structures"], f"{where}: structures"),
        synonyms=texts(data.get("synonyms", ()), f"{where}: synonyms"),
        prompt_words=texts(data.get("prompt_words", ()), f"{where}: prompt_words"),
        typical_sizes=tuple((key, items(size, f"{where}: typical_sizes")) for key, size in sizes.items()),
    )


def _title_of(name: str) -> str:
    return name.replace("_", " ").capitalize()
