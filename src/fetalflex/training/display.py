"""The bar of a training run: it counts to the budget that ends the run, images or minutes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from fetalflex.progress import rate_text
from fetalflex.training.checkpoints import RunProgress


def share_done(progress: RunProgress, images: int, seconds: float | None) -> float:
    """Return the share of a run that is done: of its images or, if that is more, of its time; 1 ends it.

    Args:
        progress: How far it is.
        images: Images after which it ends.
        seconds: Time after which it ends; None = any.
    """
    shown = progress.images / images
    if seconds is None:
        return shown
    return max(shown, progress.seconds / seconds if seconds > 0 else 1.0)


@contextmanager
def training_bar(
    console: Console, stage: str, progress: RunProgress, images: int, seconds: float | None
) -> Iterator[Callable[[RunProgress], None]]:
    """Show a bar while the block runs, if the console is a terminal.

    Args:
        console: Where to.
        stage: What is trained.
        progress: Where the run stands.
        images: See `share_done`; so is `seconds`.
        seconds: See there.

    Yields:
        A function that takes how far the run is by now.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeRemainingColumn())
    started, before = time.monotonic(), progress.images
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:

        def text(now: RunProgress) -> str:
            return budget_text(now, images, seconds, (now.images - before) / max(time.monotonic() - started, 1e-9))

        done = share_done(progress, images, seconds)
        task = bar.add_task(f"training {stage}", total=1.0, text=text(progress))
        bar.update(task, completed=done)
        yield lambda now: bar.update(task, completed=share_done(now, images, seconds), text=text(now))


def budget_text(progress: RunProgress, images: int, seconds: float | None, images_per_second: float) -> str:
    """Return how far a run is of the budget that ends it, and how fast it is, for people."""
    rate = f", {rate_text(images_per_second)}" if images_per_second > 0 else ""
    if seconds is None or share_done(progress, images, seconds) == progress.images / images:
        return f"{progress.images:,} of {images:,} images{rate}"
    return f"{progress.seconds / 60:.1f} of {seconds / 60:.4g} min, {progress.images:,} images{rate}"
