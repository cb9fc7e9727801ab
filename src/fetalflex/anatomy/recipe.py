"""Recipe: a list of edits, kept as a JSON file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path

from fetalflex.anatomy.edits import EDIT_KINDS, Edit
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import mapping_with_keys, one_of, shown
from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonMapping, JsonObject, json_text, parse_json, read_json, tagged_with

RECIPE_FORMAT = "fetalflex/recipe"
RECIPE_VERSION = 2
_VERSION_OF_BOXES = 1
"""In recipes of this version every edit is for its box alone."""
_ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Recipe:
    """Edits that are applied one after the other."""

    edits: tuple[Edit, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.edits, (list, tuple)):
            raise FetalFlexError(f"recipe edits must be a tuple of edits, got {shown(self.edits)}")
        for edit in self.edits:
            if not isinstance(edit, tuple(EDIT_KINDS.values())):
                raise FetalFlexError(f"recipe edits must be edits such as Move, got {shown(edit)}")
        object.__setattr__(self, "edits", tuple(self.edits))

    def apply(self, layout: Layout, registry: Registry) -> Layout:
        """Return the layout after all edits; raises FetalFlexError that says which edit failed."""
        for i, edit in enumerate(self.edits):
            try:
                layout = edit.apply(layout, registry)
            except FetalFlexError as error:
                if len(self.edits) == 1:
                    raise
                raise FetalFlexError(f"edit {i + 1} of {len(self.edits)} ({edit.kind}): {error}") from error
        return layout

    def to_dict(self) -> JsonObject:
        """Return plain values; fields that hold None or false are left out."""
        return {
            "format": RECIPE_FORMAT,
            "version": RECIPE_VERSION,
            "edits": [_edit_to_dict(edit) for edit in self.edits],
        }

    @classmethod
    def from_dict(cls, data: JsonMapping) -> Recipe:
        """Build from what `to_dict` gives; an unknown key, kind or value raises FetalFlexError.

        Recipes of version 1, which knew no contents that follow, mean what they meant: their edits come back `alone`.
        """
        is_old = isinstance(data, Mapping) and data.get("version") == _VERSION_OF_BOXES
        version = _VERSION_OF_BOXES if is_old else RECIPE_VERSION
        rest = mapping_with_keys(tagged_with(data, RECIPE_FORMAT, version, "recipe"), "recipe", ("edits",))
        if not isinstance(rest["edits"], (list, tuple)):
            raise FetalFlexError(f"recipe edits must be a list, got {shown(rest['edits'])}")
        return cls(tuple(_edit_from_dict(item, i, is_old) for i, item in enumerate(rest["edits"])))

    def to_json(self) -> str:
        """Return `to_dict()` as JSON text."""
        return json_text(self.to_dict())

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Build from JSON text of at most 10 MB; raises like `from_dict`."""
        return cls.from_dict(parse_json(text, "recipe"))

    def save(self, path: str | Path) -> None:
        """Write the JSON text to a file, atomically; an existing file is replaced."""
        write_text(path, self.to_json())

    @classmethod
    def load(cls, path: str | Path) -> Recipe:
        """Read a file that `save` wrote, at most 10 MB; raises FetalFlexError that names the file."""
        data = read_json(path)
        try:
            return cls.from_dict(data)
        except FetalFlexError as error:
            raise FetalFlexError(f"{path}: {error}") from error


def _edit_to_dict(edit: Edit) -> JsonObject:
    values = ((field.name, getattr(edit, field.name)) for field in fields(edit))
    return {"kind": edit.kind, **{name: value for name, value in values if not (value is None or value is False)}}


def _edit_from_dict(data: object, index: int, is_old: bool) -> Edit:
    where = f"recipe edits[{index}]"
    if not isinstance(data, Mapping) or "kind" not in data:
        raise FetalFlexError(f"{where} must be an object with a kind, got {shown(data)}")
    edit_type = EDIT_KINDS[one_of(data["kind"], f"{where} kind", tuple(EDIT_KINDS))]
    required = [field.name for field in fields(edit_type) if field.default is MISSING]
    optional = [field.name for field in fields(edit_type) if field.default is not MISSING]
    fixed = {_ALONE: True} if is_old and _ALONE in optional else {}
    mapping_with_keys(data, where, ("kind", *required), [name for name in optional if name not in fixed])
    try:
        return edit_type(**{name: value for name, value in (*data.items(), *fixed.items()) if name != "kind"})
    except FetalFlexError as error:
        raise FetalFlexError(f"{where}: {error}") from error
