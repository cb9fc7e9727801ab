"""Adapts the Python reference: fields of pydantic models are parameters, and sections `Example:` are doctests."""

from __future__ import annotations

import re
from typing import Any

import griffe

_BASES = {"BaseModel", "_Strict"}
_EXAMPLE = re.compile(r"^(\s*)Example:\n", re.MULTILINE)
_LARGER = re.compile(r"(?<=: )(?=>=? )")


class Adapted(griffe.Extension):
    """Change what griffe reads from the sources, before mkdocstrings shows it."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Let `Example:` count as a section, as `Examples:` does, and a leading `>` as larger, not as a quote."""
        if obj.docstring is not None:
            obj.docstring.value = _LARGER.sub(r"\\", _EXAMPLE.sub(r"\1Examples:\n", obj.docstring.value))

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Give every model an `__init__` that takes its fields."""
        if not _BASES & {str(base).rpartition(".")[2] for base in cls.bases}:
            return
        fields = [
            griffe.Parameter(
                name,
                annotation=attribute.annotation,
                kind=griffe.ParameterKind.keyword_only,
                default=_default(attribute.value),
            )
            for name, attribute in cls.attributes.items()
            if attribute.annotation is not None
        ]
        own = griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)
        method = griffe.Function("__init__", parameters=griffe.Parameters(own, *fields))
        cls.set_member("__init__", method)


def _default(value: Any) -> Any:
    """Return what a field is by default: of `Field(3, ge=1)` the 3, and nothing of `Field(..., ge=1)`."""
    if isinstance(value, griffe.ExprCall) and str(value.function) == "Field":
        first = value.arguments[0] if value.arguments else None
        if isinstance(first, griffe.ExprKeyword):
            return first.value if first.name == "default" else f"{first.value}()"
        return None if first is None or str(first) == "..." else first
    return value
