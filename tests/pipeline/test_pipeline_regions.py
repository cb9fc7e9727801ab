"""Which pixels a synthesis changes, and what of the image it sees."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pipeline_scenes import REGISTRY, difference, disc, far_scene, moved, one_pixel, scene

from fetalflex.anatomy import CloseUp, draw_roi_mask
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling

STEPS = 3
ROUNDING = 1
"""Grey levels by which an image may differ between batches: matrix products sum in another order."""


@pytest.mark.parametrize("size", [(64, 64), (97, 61), (40, 130), (301, 299)])
@pytest.mark.parametrize("roi", ["auto", "outline", "structures", disc, one_pixel])
def test_outside_the_roi_the_image_stays_bit_for_bit(
    pipeline: FetalFlexPipeline, size: tuple[int, int], roi: str | Callable
) -> None:
    layout, image = scene(*size)
    mask = draw_roi_mask(layout, REGISTRY, roi) if isinstance(roi, str) else roi(*size)
    before, finishing = image.copy(), Finishing() if roi in ("auto", disc) else Finishing.off()
    roi = roi if isinstance(roi, str) else mask
    made = pipeline(layout, image=image, roi=roi, seed=5, sampling=Sampling(finishing=finishing, steps=1))
    assert made.image.shape == image.shape
    assert made.image.dtype == np.uint8
    assert np.array_equal(made.roi_mask, mask)
    assert np.array_equal(made.image[~mask], image[~mask])
    assert np.array_equal(image, before)
    if mask.sum() > 1:
        assert (made.image[mask] != image[mask]).mean() > 0.5


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(17, 150),
    st.integers(17, 150),
    st.integers(0, 2**32),
    st.builds(Finishing, *[st.booleans()] * 3, feather=st.none() | st.integers(0, 8)),
    st.floats(0, 1),
)
def test_no_pixel_outside_any_roi_ever_changes(
    pipeline: FetalFlexPipeline, width: int, height: int, seed: int, finishing: Finishing, eta: float
) -> None:
    layout, image = scene(width, height)
    mask = np.random.default_rng(seed).random((height, width)) < 0.3
    mask[0, 0] = True
    made = pipeline(layout, image=image, roi=mask, seed=seed, sampling=Sampling(finishing=finishing, eta=eta, steps=1))
    assert np.array_equal(made.image[~mask], image[~mask])


def test_feathering_blends_towards_the_background_inside_the_roi(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    mask = disc(64, 64)
    hard, soft = (
        pipeline(
            layout,
            image=image,
            roi=mask,
            sampling=Sampling(finishing=Finishing.chosen(False, feather=feather), steps=1),
        )
        for feather in (0, 4)
    )
    low = np.minimum(hard.image, image)
    high = np.maximum(hard.image, image)
    assert (soft.image >= low).all()
    assert (soft.image <= high).all()
    assert not np.array_equal(soft.image, hard.image)
    centre = slice(19, 24), slice(30, 35)
    assert np.array_equal(soft.image[centre], hard.image[centre])


def test_without_an_image_all_of_it_is_synthetic(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene(80, 50)
    made = pipeline(layout, sampling=Sampling(steps=STEPS))
    assert made.image.shape == (50, 80)
    assert made.roi_mask.all()


def test_a_full_roi_hides_the_whole_image(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    made = pipeline(layout, image=image, roi="full", sampling=Sampling(steps=STEPS))
    assert difference(made, pipeline(layout, image=255 - image, roi="full", sampling=Sampling(steps=STEPS))) == 0
    assert difference(made, pipeline(layout, sampling=Sampling(steps=STEPS))) == 0


def test_the_background_is_seen(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    mask = disc(64, 64)
    first = pipeline(layout, image=image, roi=mask, sampling=Sampling(steps=STEPS))
    second = pipeline(
        layout, image=np.where(mask, image, 255 - image).astype(np.uint8), roi=mask, sampling=Sampling(steps=STEPS)
    )
    assert not np.array_equal(first.image[mask], second.image[mask])


def test_a_close_up_is_the_part_of_the_image_synthesised_alone_and_put_back(pipeline: FetalFlexPipeline) -> None:
    layout, image = far_scene()
    made = pipeline(layout, image=image, seed=4, sampling=Sampling(steps=2))
    x, y, width, height = made.settings["close_up"]
    assert max(width, height) < 0.6 * max(image.shape)
    part = CloseUp(x, y, width, height)
    assert made.roi_mask.sum() == part.image(made.roi_mask).sum()
    alone = pipeline(
        part.layout(layout),
        image=np.ascontiguousarray(part.image(image)),
        roi=np.ascontiguousarray(part.image(made.roi_mask)),
        seed=4,
        sampling=Sampling(steps=2, close_up=False),
    )
    assert alone.settings["close_up"] is False
    assert np.array_equal(made.image, part.put_back(alone.image, image))


def test_the_whole_image_can_be_worked_on_instead(pipeline: FetalFlexPipeline) -> None:
    layout, image = far_scene()
    close, whole = (
        pipeline(layout, image=image, seed=4, sampling=Sampling(steps=2, close_up=value)) for value in (True, False)
    )
    assert whole.settings["close_up"] is False
    assert difference(close, whole) > 0
    assert np.array_equal(whole.image[~whole.roi_mask], image[~whole.roi_mask])


def test_a_close_up_shows_where_a_structure_was_and_where_it_goes(pipeline: FetalFlexPipeline) -> None:
    layout, image = far_scene()
    moved = layout.with_structures(
        dataclasses.replace(placed, box=placed.box.translated(-120, 60)) for placed in layout.structures
    )
    made = pipeline.edit(image, layout, moved, sampling=Sampling(steps=1))
    x, y, width, height = made.settings["close_up"]
    assert made.roi_mask.sum() == CloseUp(x, y, width, height).image(made.roi_mask).sum()


@pytest.mark.parametrize("mode", ["auto", "outline", "structures", "full"])
def test_an_edit_covers_what_was_there_and_what_is_there_now(pipeline: FetalFlexPipeline, mode: str) -> None:
    before, _ = scene()
    after = moved(before, 25)
    region = pipeline.edit_roi(before, after, mode)
    assert np.array_equal(region, draw_roi_mask(before, REGISTRY, mode) | draw_roi_mask(after, REGISTRY, mode))


def test_an_edit_leaves_the_rest_of_the_image(pipeline: FetalFlexPipeline) -> None:
    before, image = scene()
    after = moved(before, 25)
    made = pipeline.edit(image, before, after, roi="structures", seed=2, sampling=Sampling(steps=1))
    region = pipeline.edit_roi(before, after, "structures")
    assert made.layout == after
    assert np.array_equal(made.roi_mask, region)
    assert np.array_equal(made.image[~region], image[~region])


def test_structures_can_be_removed_down_to_none_and_added_from_none(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    empty = layout.with_structures([])
    expected = draw_roi_mask(layout, REGISTRY, "auto")
    assert np.array_equal(pipeline.edit_roi(layout, empty), expected)
    assert np.array_equal(pipeline.edit_roi(empty, layout), expected)
    assert np.array_equal(pipeline.edit(image, layout, empty, sampling=Sampling(steps=1)).roi_mask, expected)
    with pytest.raises(FetalFlexError, match="neither layout holds a structure, so no ROI can be drawn"):
        pipeline.edit_roi(empty, empty)
    assert pipeline.edit_roi(empty, empty, "full").all()


def test_a_layout_without_structures_needs_a_region(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    empty = layout.with_structures([])
    with pytest.raises(FetalFlexError, match="use ROI mode full"):
        pipeline(empty, image=image, sampling=Sampling(steps=1))
    assert pipeline(empty, image=image, roi="full", sampling=Sampling(steps=1)).roi_mask.all()
    assert pipeline(empty, sampling=Sampling(steps=1)).roi_mask.all()
