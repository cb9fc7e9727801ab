"""What commands show while they work: on stderr, so that stdout holds results alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def progress_console() -> Console:
    """Return the console on stderr."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def progress_bar(label: str, total: int) -> Iterator[Callable[[float], None]]:
    """Show a bar while the block runs, if stderr is a terminal.

    Args:
        label: What is being done.
        total: Number of things to do.

    Yields:
        A function that takes how many things, parts of them included, are done by now.
    """
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = progress_console()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[count]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(label, total=total, count=f"0/{total}")
        yield lambda done: bar.update(task, completed=done, count=f"{int(done)}/{total}")
