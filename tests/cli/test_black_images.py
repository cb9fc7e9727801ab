from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.cli.black_images import tell_of_black


@pytest.mark.parametrize(
    ("made", "black", "said"),
    [
        (1, 1, "warning: a0.png is black throughout the region"),
        (3, 1, "warning: 1 of 3 images, such as a0.png, are black"),
        (3, 3, "warning: all 3 images, such as a0.png, are black"),
    ],
)
def test_black_images_are_told_on_stderr(capsys: pytest.CaptureFixture[str], made: int, black: int, said: str) -> None:
    tell_of_black(made, [Path(f"a{number}.png") for number in range(black)])
    told = capsys.readouterr()
    assert told.err.startswith(said)
    assert told.out == ""


def test_nothing_is_said_of_images_that_show_something(capsys: pytest.CaptureFixture[str]) -> None:
    tell_of_black(3, [])
    assert capsys.readouterr() == ("", "")
