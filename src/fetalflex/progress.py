"""Progress, in images: how everything that takes long says how far it is, and a bar that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

OnProgress = Callable[[float], None]
"""Takes how many images are done by now, fractions included."""

Show = Callable[[str, int | None], AbstractContextManager[OnProgress]]
"""Opens a display for the time of a block: what is being done, and the number of images, None if it is not known."""


def counting_from(done: float, tell: OnProgress) -> OnProgress:
    """Return what tells of images that come after others which are done."""
    return lambda more: tell(done + more)


def tell_nobody(done: float) -> None:
    """Take progress that nobody wants to know."""


def show_nothing(label: str, total: int | None) -> AbstractContextManager[OnProgress]:
    """Open no display."""
    del label, total
    return nullcontext(tell_nobody)


def bar_on(console: Console, transient: bool = False) -> Show:
    """Return what shows a bar on a console if that is a terminal: images done, how many there are, rate, time left.

    Args:
        console: Where to.
        transient: Remove the bar when it is full.
    """

    @contextmanager
    def show(label: str, total: int | None) -> Iterator[OnProgress]:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        text = TextColumn("{task.fields[count]}")
        columns = (TextColumn("{task.description}"), BarColumn(), text, TimeRemainingColumn())
        of = "images" if total is None else f"of {total:,} images"
        with Progress(*columns, console=console, transient=transient, disable=not console.is_terminal) as bar:
            task = bar.add_task(label, total=total, count=f"0 {of}")

            def tell(done: float) -> None:
                elapsed = bar.tasks[0].elapsed
                rate = f", {rate_text(done / elapsed)}" if elapsed and done > 0 else ""
                bar.update(task, completed=done, count=f"{int(done):,} {of}{rate}")

            yield tell

    return show


def rate_text(images_per_second: float) -> str:
    """Return a rate for people, such as "12.5 images/s" or "40 s an image"."""
    if images_per_second >= 1:
        return f"{images_per_second:.3g} images/s"
    return f"{1 / images_per_second:.3g} s an image"
