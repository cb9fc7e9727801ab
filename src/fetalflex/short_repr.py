"""A short `repr` of values, for eyes: what differs from the default, and shapes in place of pixels."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any


def changes_repr(value: Any) -> str:
    """Return `Name(field=value, ...)` of a frozen dataclass, the fields that have their default value left out."""
    changed = [one for one in fields(value) if one.repr and not _is_default(one, getattr(value, one.name))]
    return f"{type(value).__name__}({', '.join(f'{one.name}={getattr(value, one.name)!r}' for one in changed)})"


def _is_default(field: Field[Any], value: object) -> bool:
    default = field.default_factory() if field.default_factory is not MISSING else field.default
    return default is not MISSING and bool(value == default)
