"""What every answer tells the browser about itself."""

from __future__ import annotations

SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' blob:",  # images are fetched with the token, then shown
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

SAFE_HEADERS: dict[str, str] = {
    "Content-Security-Policy": SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # images of patients do not belong into the browser's cache
}

FORBIDDEN_HEADERS = frozenset({b"set-cookie"})
"""Answers have no cookies, and nothing that begins with `Access-Control-`."""


def with_safe_headers(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer with the safe ones in place, and without any that opens it to other sites."""
    ours = {name.lower().encode() for name in SAFE_HEADERS}
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in ours | FORBIDDEN_HEADERS and not name.lower().startswith(b"access-control-")
    ]
    return [*kept, *((name.lower().encode(), value.encode()) for name, value in SAFE_HEADERS.items())]
