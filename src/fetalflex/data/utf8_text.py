"""Text that cannot be written as UTF-8: what it looks like, and how it is refused by itself.

File names and texts whose bytes are no UTF-8 come with a lone surrogate for each such byte, as in Python's own file
names (PEP 383); JSON escapes may hold one too. Nothing with one is written anywhere: what carries it is refused.
"""

from __future__ import annotations

import json

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError


def encodable(text: str) -> bool:
    """Say whether a text can be written as UTF-8."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def displayable(text: str) -> str:
    r"""Return a text in one line in which is spelt out what is no UTF-8, or would do something to a terminal.

    Such as `\udcff` for a byte that is no text, `\n`, and `\x1b` for the escape character.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode("ascii") for one in text)


def tolerant(data: bytes) -> str:
    """Return the text of bytes that should be UTF-8, with a lone surrogate for each byte that is not."""
    return data.decode("utf-8", "surrogateescape")


def check_text(value: object, field: str) -> None:
    """Check that all text in a value is UTF-8.

    Args:
        value: A text or other JSON value.
        field: What it is, for the message.

    Raises:
        FetalFlexError: If some is not; the message names the field.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    if not encodable(text):
        raise FetalFlexError(f"{shown(field)} holds text that is not UTF-8 ({shown(value)}); correct it")
