from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from fetalflex.training.checkpoints import RunProgress
from fetalflex.training.display import budget_text, share_done, training_bar


def test_a_run_is_done_by_its_images_or_its_time_whichever_is_first() -> None:
    assert share_done(RunProgress(25, 5, 60.0), 100, None) == 0.25
    assert share_done(RunProgress(25, 5, 60.0), 100, 120.0) == 0.5
    assert share_done(RunProgress(75, 5, 60.0), 100, 120.0) == 0.75
    assert share_done(RunProgress(25, 5, 0.0), 100, 0.0) == 1.0


@pytest.mark.parametrize(
    ("progress", "seconds", "text"),
    [
        (RunProgress(1200, 5, 60.0), None, "1,200 of 100,000 images, 20 images/s"),
        (RunProgress(1200, 5, 60.0), 120.0, "1.0 of 2 min, 1,200 images, 20 images/s"),
        (RunProgress(80_000, 5, 60.0), 120.0, "80,000 of 100,000 images, 20 images/s"),
    ],
)
def test_the_budget_that_ends_the_run_is_shown(progress: RunProgress, seconds: float | None, text: str) -> None:
    assert budget_text(progress, 100_000, seconds, 20.0) == text


def test_a_bar_counts_to_the_minutes_of_a_run_that_they_end() -> None:
    file, progress = io.StringIO(), RunProgress(0, 0, 0.0)
    console = Console(file=file, force_terminal=True, width=120)
    with training_bar(console, "control", progress, 10**9, 120.0) as advance:
        advance(RunProgress(64, 8, 60.0))
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    assert "training control" in shown
    assert "1.0 of 2 min, 64 images" in shown
