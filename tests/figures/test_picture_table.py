from __future__ import annotations

import numpy as np

from fetalflex.figures.table import PictureRow, draw_picture_table


def row(*shapes: tuple[int, ...]) -> PictureRow:
    return PictureRow(tuple(np.full(shape, 200, np.uint8) for shape in shapes), ("note",) * len(shapes), "a caption")


def test_pictures_of_any_shape_fit() -> None:
    table = draw_picture_table("Title", ("a", "b"), [row((40, 900), (900, 40, 3)), row((8, 8), (600, 800))])
    assert table.dtype == np.uint8
    assert table.ndim == 3
    assert (table == 200).all(axis=2).sum() > 100_000


def test_more_rows_and_columns_make_it_larger() -> None:
    small = draw_picture_table("Title", ("a",), [row((8, 8))])
    wide = draw_picture_table("Title", ("a", "b"), [row((8, 8), (8, 8))])
    high = draw_picture_table("Title", ("a",), [row((8, 8))] * 2)
    assert small.shape[0] == wide.shape[0] < high.shape[0]
    assert small.shape[1] == high.shape[1] < wide.shape[1]
