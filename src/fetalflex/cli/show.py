"""What commands show while they work: on stderr, so that stdout holds results alone."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from fetalflex.progress import OnProgress, bar_on

if TYPE_CHECKING:
    from rich.console import Console


def progress_console() -> Console:
    """Return the console on stderr."""
    from rich.console import Console

    return Console(stderr=True)


def progress_bar(label: str, total: int | None) -> AbstractContextManager[OnProgress]:
    """Show a bar while the block runs, if stderr is a terminal; see `Show`."""
    return bar_on(progress_console())(label, total)
