from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, global_prompt
from fetalflex.anatomy.drawing import draw_layout_map
from fetalflex.data import DatasetFolder, Record
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.names import (
    Exchange,
    NamePair,
    PairResult,
    RealContrast,
    draw_names_sheet,
    exchange_names,
    judge_exchanges,
    kept_names,
    names_markdown,
    names_summary,
    names_values,
    plan_exchanges,
    real_contrasts,
    synthesise_exchanges,
    write_names,
)
from fetalflex.evaluation.names.judging import measure
from fetalflex.evaluation.names.pairs import pairs_of
from fetalflex.evaluation.names.real import region_of
from fetalflex.evaluation.samples import Sample, select_samples
from fetalflex.evaluation.syntheses import plan_tasks, synthesise_missing
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis

REGISTRY = default_registry()
PLANE = "abdominal_transverse"
GREY = {"abdomen": 100, "stomach": 20, "spine": 180, "umbilical_vein": 30}
PAIR = NamePair(PLANE, "spine", "stomach")
SAMPLING = Sampling(steps=2)


def drawn(layout: Layout, seed: int = 0) -> NDArray[np.uint8]:
    """Draw what names say: the image that an ideal model makes."""
    image = np.full((layout.height, layout.width), 100.0)
    for placed in sorted(layout.structures, key=lambda item: -item.box.area):
        x0, y0, x1, y1 = (round(side) for side in placed.box.corners())
        image[y0:y1, x0:x1] = GREY[placed.name]
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def layout_of(index: int = 0) -> Layout:
    boxes = {
        "abdomen": Box(50, 50, 80, 80),
        "stomach": Box(35 + index % 3, 40, 16, 12),
        "spine": Box(65, 50 + index % 4, 14, 14),
        "umbilical_vein": Box(50, 70, 12, 6),
    }
    return Layout(PLANE, 100, 100, tuple(PlacedStructure(name, box) for name, box in boxes.items()))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    items = []
    for index in range(8):
        record = Record(f"{index}.png", layout_of(index), f"p{index // 2}" if index < 4 else f"p{index}", "s", "test")
        items.append((record, drawn(layout_of(index), index)))
    return list(
        select_samples([DatasetFolder.write(tmp_path_factory.mktemp("names") / "data", items)], REGISTRY).evaluated
    )


def keep(exchanges: list[Exchange], root: Path, obeys: bool) -> KeptSyntheses:
    """Keep what a model makes that draws what names say, or one that draws boxes by their size alone."""
    kept = KeptSyntheses(root, {})
    for exchange in exchanges:
        for name, layout in exchange.layouts().items():
            shown = layout if obeys or name == exchange.without else exchange.sample.layout
            mask = np.ones((100, 100), bool)
            kept.add(name, Synthesis(drawn(shown, 5), layout, mask, "", 0, "ideal"))
    return kept


BOXES = st.builds(Box, st.floats(20, 80), st.floats(20, 80), st.floats(4, 30), st.floats(4, 30), st.floats(-90, 89))


class TestPairs:
    @given(st.lists(BOXES, min_size=3, max_size=6))
    def test_exchanging_twice_is_nothing_and_boxes_stay(self, boxes: list[Box]) -> None:
        names = ["stomach", "spine", "stomach", "umbilical_vein", "spine", "stomach"]
        layout = Layout(PLANE, 100, 100, tuple(map(PlacedStructure, names, boxes)))
        once = PAIR.exchanged(layout)
        assert [item.box for item in once.structures] == boxes
        assert once.names() == layout.names()
        assert global_prompt(once, REGISTRY) == global_prompt(layout, REGISTRY)
        np.testing.assert_array_equal(region_of(once, REGISTRY), region_of(layout, REGISTRY))

    def test_exchanging_exchanges_the_colours_in_the_map(self) -> None:
        layout = layout_of()
        before, after = (draw_layout_map(one, REGISTRY) for one in (layout, PAIR.exchanged(layout)))
        stomach, spine = (np.array(REGISTRY.structure(name).colour) for name in ("stomach", "spine"))
        was, is_now = ((before == stomach).all(axis=2), (after == spine).all(axis=2))
        np.testing.assert_array_equal(was, is_now)
        assert PAIR.exchanged(PAIR.exchanged(layout)) == layout

    def test_without_takes_both_boxes_away(self) -> None:
        assert PAIR.without(layout_of()).names() == ("abdomen", "umbilical_vein")

    @given(BOXES, BOXES)
    def test_parts_share_no_pixel_and_cover_both_boxes(self, one: Box, other: Box) -> None:
        layout = Layout(PLANE, 100, 100, (PlacedStructure("spine", one), PlacedStructure("stomach", other)))
        first, second = PAIR.parts(layout)
        assert not (first & second).any()
        # Up to the pixels that an edge runs through, these are the pixels that the layout map colours.
        coloured = draw_layout_map(layout, REGISTRY).any(axis=2)
        assert not ((first | second) & ~binary_dilation(coloured, np.ones((3, 3)))).any()
        assert not (binary_erosion(coloured, np.ones((3, 3))) & ~(first | second)).any()

    def test_the_outline_is_never_exchanged(self) -> None:
        pairs = list(pairs_of(layout_of(), REGISTRY))
        for pair, parts in pairs:
            assert all((one == other).all() for one, other in zip(parts, pair.parts(layout_of()), strict=True))
        assert [pair.names for pair, _ in pairs] == [
            ("spine", "stomach"),
            ("spine", "umbilical_vein"),
            ("stomach", "umbilical_vein"),
        ]


class TestRealImages:
    def test_contrast_is_the_difference_over_the_regions_grey(self, samples: list[Sample]) -> None:
        found = real_contrasts(samples, REGISTRY)[PAIR]
        assert len(found.differences) == 8
        level = float(drawn(layout_of())[region_of(layout_of(), REGISTRY)].mean())
        assert found.mean == pytest.approx((180 - 20) / level, rel=0.03)
        assert found.differs

    @pytest.mark.parametrize(
        ("differences", "differs"),
        [
            ([0.4] * 5, True),
            ([-0.4] * 5, True),
            ([0.4] * 4, False),
            ([0.2] * 5, False),
            ([1.5, 1.5, 1.5, -0.4, -0.4], False),
        ],
    )
    def test_what_differs_to_the_eye(self, differences: list[float], differs: bool) -> None:
        assert RealContrast(np.array(differences)).differs is differs


class TestWay:
    PARTS = layout_of()

    def measured(self, exchanged: Layout) -> float:
        layout = layout_of()
        own, without = drawn(layout, 1), drawn(PAIR.without(layout), 1)
        region = region_of(layout, REGISTRY)
        found = measure(own, own, drawn(exchanged, 1), without, PAIR.parts(layout), region)
        contrast = (180 - 20) / float(own[region].mean())
        return found.way(contrast)

    def test_content_that_follows_goes_the_whole_way(self) -> None:
        assert self.measured(PAIR.exchanged(layout_of())) == pytest.approx(1, abs=0.05)

    def test_content_that_stays_goes_none_of_it(self) -> None:
        assert self.measured(layout_of()) == pytest.approx(0, abs=0.02)

    def test_boxes_that_vanish_go_half_of_it(self) -> None:
        assert self.measured(PAIR.without(layout_of())) == pytest.approx(0.5, abs=0.05)

    def test_gain_does_not_matter(self) -> None:
        layout = layout_of()
        pictures = [drawn(layout), drawn(PAIR.exchanged(layout)), drawn(PAIR.without(layout))]
        region, parts = region_of(layout, REGISTRY), PAIR.parts(layout)
        bright = measure(pictures[0], *pictures, parts, region)
        dark = measure(pictures[0], *((picture // 2) for picture in pictures), parts, region)
        assert dark.way(1.6) == pytest.approx(bright.way(1.6), abs=0.02)


class TestJudging:
    @pytest.mark.parametrize("obeys", [True, False])
    def test_a_model_that_knows_names_is_told_from_one_that_does_not(
        self, samples: list[Sample], tmp_path: Path, obeys: bool
    ) -> None:
        exchanges = plan_exchanges(samples, REGISTRY)
        kept = keep(exchanges, tmp_path / "out", obeys)
        results = judge_exchanges(exchanges, kept, real_contrasts(samples, REGISTRY), REGISTRY)
        by_pair = {one.pair: one for one in results.pairs}
        spine = by_pair[PAIR]
        assert spine.follows is obeys
        assert spine.way is not None
        assert spine.way.low is not None
        assert spine.way.low <= spine.way.value <= (spine.way.high or 0)
        assert spine.relative_change[0] == pytest.approx(2 if obeys else 0, abs=0.3)
        alike = by_pair[NamePair(PLANE, "stomach", "umbilical_vein")]
        assert (alike.follows, alike.way) == (None, None)
        assert np.isnan(alike.ways).all()
        share, images = results.share_of_pairs(), results.share_of_images()
        assert share is not None
        assert images is not None
        assert share.value == images.value == float(obeys)
        assert share.count == 2
        values = names_values(results)
        assert [one["follows"] for one in values["pairs"]] == [obeys, obeys, None]
        assert f"follows for {2 if obeys else 0} of 2 pairs" in names_summary(results)[0]
        text = "\n".join(names_markdown(results))
        assert ("| NO |" in text) is not obeys
        sheet = draw_names_sheet(results, kept, REGISTRY)
        assert sheet is not None
        assert sheet.shape[2] == 3

    def test_images_of_a_pair_are_of_different_patients(self, samples: list[Sample]) -> None:
        exchanges = [one for one in plan_exchanges(samples, REGISTRY, 5) if one.pair == PAIR]
        assert len(exchanges) == 5
        assert len({one.sample.patient for one in exchanges}) == 5
        assert len([one for one in plan_exchanges(samples, REGISTRY, 50) if one.pair == PAIR]) == 6
        assert not plan_exchanges(samples, REGISTRY, 5, only=[])

    def test_without_five_patients_there_is_no_interval(self, samples: list[Sample]) -> None:
        layout = layout_of()
        own = drawn(layout)
        measures = measure(own, own, own, own, PAIR.parts(layout), region_of(layout, REGISTRY))
        result = PairResult(PAIR, RealContrast(np.full(9, 0.5)), (Exchange(samples[0], PAIR),), (measures,))
        assert result.way is not None
        assert (result.way.value, result.way.low) == (0, None)
        assert result.relative_change == (0, 0)


class TestSyntheses:
    def test_own_syntheses_are_those_of_an_evaluation(
        self, pipeline: FetalFlexPipeline, samples: list[Sample], tmp_path: Path
    ) -> None:
        exchanges = plan_exchanges(samples[:1], REGISTRY, only=[PAIR])
        kept, other = KeptSyntheses(tmp_path / "names", {}), KeptSyntheses(tmp_path / "evaluation", {})
        synthesise_exchanges(pipeline, exchanges, kept, SAMPLING, seed=3)
        synthesise_missing(pipeline, plan_tasks(samples[:1], False), other, SAMPLING, seed=3)
        images = {name: kept.image(name, (100, 100)).astype(int) for name in exchanges[0].layouts()}
        own = images[exchanges[0].own]
        assert np.abs(own - other.image(samples[0].name, (100, 100))).max() <= 1
        region = region_of(samples[0].layout, REGISTRY)
        for image in images.values():
            np.testing.assert_array_equal(image[~region], samples[0].image()[~region])
        assert np.abs(images[exchanges[0].exchanged] - own).max() > 0

    def test_from_images_to_a_report(self, pipeline: FetalFlexPipeline, samples: list[Sample], tmp_path: Path) -> None:
        selection = select_samples([samples[0].dataset], REGISTRY)
        kept = kept_names(tmp_path / "out", pipeline, selection, SAMPLING, "auto", 0)
        results = exchange_names(pipeline, selection.evaluated, kept, SAMPLING, images_per_pair=1)
        assert [one.pair.names for one in results.pairs] == [("spine", "stomach"), ("spine", "umbilical_vein")]
        report = write_names(results, kept, REGISTRY, {"model": pipeline.identity, "split": "test"})
        assert {path.name for path in report.parent.iterdir()} == {
            ".fetalflex-folder", "names.json", "names.md", "names.png", "settings.json", "syntheses",
        }  # fmt: skip
