from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from fetalflex.progress import bar_on, counting_from, rate_text, show_nothing


def test_images_are_counted_from_those_that_are_done() -> None:
    told: list[float] = []
    tell = counting_from(4, told.append)
    tell(0.5)
    tell(2)
    assert told == [4.5, 6]


def test_nothing_is_shown_where_nobody_looks() -> None:
    with show_nothing("synthesising", 3) as tell:
        tell(1.5)
    console = Console(file=io.StringIO(), force_terminal=False)
    with bar_on(console)("synthesising", 3) as tell:
        tell(3)
    assert console.file.getvalue().strip() == ""  # type: ignore[attr-defined]


@pytest.mark.parametrize(("total", "shown"), [(1234, "617 of 1,234 images"), (None, "617 images")])
def test_a_bar_says_how_many_images_are_done_and_how_fast(total: int | None, shown: str) -> None:
    file = io.StringIO()
    with bar_on(Console(file=file, force_terminal=True, width=120))("encoding", total) as tell:
        tell(617.4)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", file.getvalue())
    assert "encoding" in text
    assert shown in text
    assert "images/s" in text


def test_slow_rates_are_told_in_seconds_an_image() -> None:
    assert [rate_text(rate) for rate in (250, 12.5, 1, 0.025)] == [
        "250 images/s",
        "12.5 images/s",
        "1 images/s",
        "40 s an image",
    ]
