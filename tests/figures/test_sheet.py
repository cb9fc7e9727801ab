from __future__ import annotations

import numpy as np
import pytest

from fetalflex.figures.sheet import Column, Sheet, draw_sheet

RED = (250, 0, 0)
BLUE = (0, 0, 250)


def picture(value: int) -> np.ndarray:
    return np.full((60, 80, 3), value, np.uint8)


def sheet(titles: tuple[str, ...] = ("one", "two"), legend: int = 2) -> Sheet:
    columns = [
        Column(titles[0], (picture(70), None)),
        *(Column(title, (picture(90), picture(110))) for title in titles[1:]),
    ]
    entries = tuple(((RED, BLUE)[i % 2], f"entry {i}") for i in range(legend))
    return Sheet("Title", "subtitle", ("upper", "lower"), tuple(columns), entries, "footer", "note")


def places(drawn: np.ndarray, value: int) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a picture of one grey value."""
    hit = (drawn == value).all(axis=2)
    rows, columns = np.nonzero(hit.sum(axis=1) >= 80)[0], np.nonzero(hit.sum(axis=0) >= 60)[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def test_every_picture_is_shown_unchanged_and_in_its_place() -> None:
    drawn = draw_sheet(sheet())
    assert drawn.dtype == np.uint8
    found = {value: places(drawn, value) for value in (70, 90, 110)}
    for left, top, right, bottom in found.values():
        assert (right - left, bottom - top) == (80, 60)
    assert found[70][1] == found[90][1] < found[110][1]
    assert found[70][0] < found[90][0] == found[110][0]


@pytest.mark.parametrize("entries", [1, 9])
def test_the_legend_fits_where_a_picture_is_missing(entries: int) -> None:
    drawn = draw_sheet(sheet(legend=entries))
    marked = np.nonzero(((drawn == RED) | (drawn == BLUE)).all(axis=2))
    _, top, _, bottom = places(drawn, 110)
    assert len(marked[0])
    assert top <= marked[0].min()
    assert marked[0].max() < bottom + 5


def test_long_titles_take_more_lines_and_no_more_width() -> None:
    short, long = draw_sheet(sheet()), draw_sheet(sheet(("one", "many words that do not fit above one picture")))
    assert long.shape[1] == short.shape[1]
    assert long.shape[0] > short.shape[0]


def test_the_legend_stands_at_the_first_missing_picture_alone() -> None:
    columns = (
        Column("one", (picture(70), None)),
        Column("two", (picture(90), None)),
        Column("three", (picture(110), picture(130))),
    )
    drawn = draw_sheet(Sheet("Title", "subtitle", ("upper", "lower"), columns, ((RED, "entry"),), "footer", "note"))
    marked = np.nonzero((drawn == RED).all(axis=2))[1]
    assert len(marked)
    assert marked.max() < places(drawn, 90)[0]
