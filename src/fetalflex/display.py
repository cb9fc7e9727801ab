"""How values show themselves: a short `repr` for eyes, and a PNG in notebooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from typing import TYPE_CHECKING, Any

from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    import numpy as np
    from _typeshed import DataclassInstance
    from numpy.typing import NDArray
    from PIL.Image import Image as Picture


def changes_repr(value: DataclassInstance) -> str:
    """Return `Name(field=value, ...)` of a frozen dataclass, the fields that have their default value left out."""
    changed = [one for one in fields(value) if one.repr and not _is_default(one, getattr(value, one.name))]
    return f"{type(value).__name__}({', '.join(f'{one.name}={_short(getattr(value, one.name))}' for one in changed)})"


def notebook_png(draw: Callable[[], NDArray[np.uint8] | Picture]) -> bytes | None:
    """Return the PNG that a notebook shows of a value, None if it cannot be drawn, such as with unknown planes.

    Args:
        draw: Draws it: a PIL image, or an array (H, W) or (H, W, 3) uint8.
    """
    from io import BytesIO

    from PIL import Image

    try:
        drawn = draw()
    except FetalFlexError:
        return None
    file = BytesIO()
    picture = drawn if isinstance(drawn, Image.Image) else Image.fromarray(drawn)
    picture.save(file, "PNG")
    return file.getvalue()


def _is_default(field: Field[Any], value: object) -> bool:
    if field.default_factory is not MISSING:
        return bool(value == field.default_factory())
    return field.default is not MISSING and type(value) is type(field.default) and bool(value == field.default)


def _short(value: object) -> str:
    """Return a `repr` in which arrays are shapes."""
    shape = getattr(value, "shape", None)
    return repr(value) if shape is None else f"<{' x '.join(map(str, shape))} {getattr(value, 'dtype', '')}>"
