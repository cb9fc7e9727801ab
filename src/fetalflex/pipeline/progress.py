"""Progress of syntheses, in images."""

from __future__ import annotations

from collections.abc import Callable

OnProgress = Callable[[float], None]
"""Takes how many images are done by now, fractions included."""


def counting_from(done: float, tell: OnProgress) -> OnProgress:
    """Return what tells of images that come after others which are done."""
    return lambda more: tell(done + more)
