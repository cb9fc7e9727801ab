from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import default_registry, draw_roi_mask
from fetalflex.anatomy.anomalies import default_library
from fetalflex.counterfactuals import CounterfactualPair, synthesise_pairs
from fetalflex.counterfactuals.difference import BRIGHTER, DARKER
from fetalflex.counterfactuals.sheet import draw_pair_sheet, write_pair_sheet
from fetalflex.data import read_image, read_png_text
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from small_layouts import ABDOMEN


@pytest.fixture(scope="module")
def pairs(pipeline: FetalFlexPipeline) -> list[CounterfactualPair]:
    image = np.random.default_rng(0).integers(0, 255, (80, 120), dtype=np.uint8)
    anomaly = default_library().anomaly("dilated_stomach")
    variants = [anomaly.sample(ABDOMEN, grade, 1) for grade in ("mild", "severe")]
    return synthesise_pairs(pipeline, image, variants, sampling=Sampling(steps=1))


def test_a_column_for_source_and_normal_and_one_for_each_grade(pairs: list[CounterfactualPair]) -> None:
    one, two = (
        draw_pair_sheet(some, default_registry(), "Dilated stomach", "scan.png", 150) for some in (pairs[:1], pairs)
    )
    assert one.dtype == np.uint8
    assert two.shape[1] - one.shape[1] == 160
    assert one.shape[1] == pytest.approx(3 * 160, abs=50)


def test_a_row_enlarges_what_differs_where_that_is_little(pairs: list[CounterfactualPair]) -> None:
    height = pairs[0].close_up.height * 150 // pairs[0].close_up.width
    small = np.zeros((80, 120), bool)
    small[38:50, 32:50] = True
    masks = small, draw_roi_mask(ABDOMEN, default_registry())
    little, much = (
        draw_pair_sheet([replace(pairs[0], may_differ=mask)], default_registry(), "", "", 150) for mask in masks
    )
    assert little.shape[0] - much.shape[0] == pytest.approx(height + 10, abs=2)


def test_differences_are_shown_in_their_colours(pairs: list[CounterfactualPair]) -> None:
    normal = replace(pairs[0].normal, image=np.full((80, 120), 128, np.uint8))
    middle = np.flatnonzero(pairs[0].may_differ.any(axis=0)).mean()
    for change, colour in ((0, None), (100, BRIGHTER), (-100, DARKER)):
        changed = np.where(pairs[0].may_differ & (np.arange(120) < middle), 128 + change, 128).astype(np.uint8)
        pair = replace(pairs[0], normal=normal, abnormal=replace(normal, image=changed))
        drawn = draw_pair_sheet([pair], default_registry(), "Dilated stomach", "scan.png").astype(int)
        last_column = drawn[:, -330:]  # the legend, with the same colours, stands in the first
        found = [one for one in (BRIGHTER, DARKER) if (np.abs(last_column - one).max(axis=2) < 3).any()]
        assert found == ([] if colour is None else [colour])


def test_the_file_says_that_it_is_synthetic(pairs: list[CounterfactualPair], tmp_path: Path) -> None:
    write_pair_sheet(tmp_path / "sheet.png", pairs[:1], default_registry(), "Dilated stomach", "scan.png")
    assert read_png_text(tmp_path / "sheet.png")["Synthetic"] == "true"
    assert read_image(tmp_path / "sheet.png").shape[0] > 500
