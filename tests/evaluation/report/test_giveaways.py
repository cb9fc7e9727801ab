from __future__ import annotations

import numpy as np

from fetalflex.evaluation.intervals import Sampled
from fetalflex.evaluation.metrics.two_samples import TwoSamples
from fetalflex.evaluation.report.giveaways import close_up_of_rim, named_parts


def test_the_numbers_that_add_most_are_named() -> None:
    parts = np.array([[0.1, -2.0, 0.0, 1.26, 0.2]])
    names = ("mean", "step", "ring", "contrast", "spread")
    told = TwoSamples(names, Sampled(0.5, np.zeros(1), 1), np.zeros(1), np.zeros(1), np.zeros_like(parts), parts)
    assert named_parts(told, 0) == "step -2.0, contrast +1.3, spread +0.2"


def test_the_close_up_shows_where_the_rim_is_seen() -> None:
    region = np.zeros((300, 400), np.bool_)
    region[100:200, 100:300] = True
    real = np.full(region.shape, 90, np.uint8)
    synthetic = real.copy()
    synthetic[140:160, 290:300] = 200
    synthetic[150, 150] = 255
    rows, columns = close_up_of_rim(real, synthetic, region)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (110, 140)
    assert rows.start < 150 < rows.stop
    assert columns.start < 295 < columns.stop


def test_the_close_up_stays_within_small_images() -> None:
    region = np.ones((60, 500), np.bool_)
    real, synthetic = (np.full(region.shape, grey, np.uint8) for grey in (0, 9))
    rows, columns = close_up_of_rim(real, synthetic, region)
    assert (rows.start, rows.stop) == (0, 60)
    assert 0 <= columns.start < columns.stop <= 500
