"""Secrets that a browser must know to be answered."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Iterable

from fetalflex.errors import FetalFlexError

_ALLOWED = re.compile(r"[A-Za-z0-9_-]{16,200}")


def new_token() -> str:
    """Return a secret of 256 random bits, in letters that an address may hold."""
    return secrets.token_urlsafe(32)


def check_token(token: str) -> str:
    """Return a token that a user chose.

    Raises:
        FetalFlexError: If it is too short to be a secret, or cannot stand in an address.
    """
    if not _ALLOWED.fullmatch(token):
        raise FetalFlexError(
            f"--token has {len(token)} characters; give 16 to 200 letters, digits, - or _ that nobody guesses, such as "
            "the output of: openssl rand -hex 16"
        )
    return token


def is_one_of(token: str, allowed: Iterable[str]) -> bool:
    """Say whether a token is among those allowed, in a time that does not tell how nearly."""
    given = token.encode(errors="surrogatepass")
    found = False
    for one in allowed:  # all of them, so that the time does not tell which
        found |= hmac.compare_digest(given, one.encode())
    return found
