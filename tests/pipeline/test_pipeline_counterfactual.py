"""One frame for several tasks, and pairs that are alike outside a region, through the pipeline."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch

from fetalflex.anatomy import Box, CloseUp, Layout, PlacedStructure, default_registry, draw_change_mask
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.resampling import Resampling
from fetalflex.diffusion.sampling import Step
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis
from phantoms import draw_phantom, random_layout

REGISTRY = default_registry()
WAYS: dict[str, dict[str, Any]] = {
    "ddim": {},
    "ancestral": {"eta": 1.0},
    "dpm++": {"sampler": "dpm++"},
    "unipc": {"sampler": "unipc"},
    "ssa": {"smoothing": Smoothing()},
    "repaint": {"resampling": Resampling(2, 2)},
    "unfinished": {"finishing": Finishing.off()},
    "feather": {"finishing": Finishing(feather=3)},
    "whole image": {"close_up": False},
}


def scene() -> tuple[Layout, Layout, np.ndarray]:
    """Return a small head in a wide image, the same with its cavum moved, and the image."""
    rng = np.random.default_rng(3)
    layout = random_layout(rng, 64, 64)
    image = np.pad(draw_phantom(layout, rng), ((20, 40), (100, 30)), mode="edge")
    layout = layout.rescaled(1, 100, 20, width=image.shape[1], height=image.shape[0])
    return layout, moved(layout, "cavum_septi_pellucidi", 8, 6), image


def moved(layout: Layout, name: str, dx: float, dy: float) -> Layout:
    return layout.with_structures(
        dataclasses.replace(placed, box=placed.box.translated(dx, dy)) if placed.name == name else placed
        for placed in layout.structures
    )


def difference(first: Synthesis, second: Synthesis) -> np.ndarray:
    return np.abs(first.image.astype(int) - second.image)


@pytest.mark.parametrize("way", [*WAYS, "structures"])
def test_outside_its_region_a_synthesis_equals_the_first_and_outside_the_roi_both_equal_the_source(
    pipeline: FetalFlexPipeline, way: str
) -> None:
    before, after, image = scene()
    region = draw_change_mask(before, after, REGISTRY)
    roi = "structures" if way == "structures" else "changed"
    sampling = Sampling(steps=3, guidance=Guidance(layout=2), **WAYS.get(way, {}))
    normal, abnormal = pipeline.counterfactual(image, before, [after], [region], roi, seed=5, sampling=sampling)
    roi = normal.roi_mask
    region &= roi
    assert np.array_equal(abnormal.roi_mask, roi)
    for synthesis in (normal, abnormal):
        assert np.array_equal(synthesis.image[~roi], image[~roi])
        assert (synthesis.image[roi] != image[roi]).mean() > 0.5
    assert difference(normal, abnormal)[~region].max() == 0
    assert difference(normal, abnormal)[region].mean() > 0.05
    assert (normal.layout, abnormal.layout) == (before, after)


@pytest.mark.parametrize("seed", range(8))
def test_no_pixel_outside_any_region_ever_differs(pipeline: FetalFlexPipeline, seed: int) -> None:
    before, after, image = scene()
    rng = np.random.default_rng(seed)
    region = rng.random(image.shape) < rng.uniform(0.02, 0.9)
    normal, abnormal = pipeline.counterfactual(image, before, [after], [region], seed=seed, sampling=Sampling(steps=1))
    region &= normal.roi_mask
    assert np.array_equal(normal.image[~region], abnormal.image[~region])


@pytest.mark.parametrize("way", ["ddim", "ancestral", "unipc", "repaint"])
def test_the_first_is_what_a_call_in_the_same_frame_gives(pipeline: FetalFlexPipeline, way: str) -> None:
    before, after, image = scene()
    region = draw_change_mask(before, after, REGISTRY)
    sampling = Sampling(steps=3, **WAYS[way])
    normal, _ = pipeline.counterfactual(image, before, [after], [region], seed=5, sampling=sampling)
    assert normal.close_up is not None
    framed = sampling.replace(close_up=normal.close_up)
    alone = pipeline(before, image=image, roi=normal.roi_mask, seed=5, sampling=framed)
    assert difference(normal, alone).max() <= 1
    assert alone.settings == normal.settings


def test_with_the_whole_roi_free_a_synthesis_is_the_edit_in_the_same_frame(pipeline: FetalFlexPipeline) -> None:
    before, after, image = scene()
    # Unfinished, as one of several takes over the first's tone and texture, and an edit has its own.
    alike: dict[str, Any] = {"roi": "auto", "seed": 5, "sampling": Sampling(steps=3, finishing=Finishing.off())}
    _, free = pipeline.counterfactual(image, before, [after], [np.ones(image.shape, bool)], **alike)
    edited = pipeline.edit(image, before, after, **alike)
    assert np.array_equal(free.roi_mask, edited.roi_mask)
    assert difference(free, edited).max() <= 2  # another batch rounds otherwise, and guidance strengthens that
    assert free.settings["close_up"] == edited.settings["close_up"]


@pytest.mark.parametrize("way", ["ddim", "ancestral", "dpm++", "unipc", "ssa", "repaint"])
def test_latents_outside_the_region_follow_after_every_step(pipeline: FetalFlexPipeline, way: str) -> None:
    """So both are nearly alike at the region's edge, already before pixels are pasted."""
    before, after, image = scene()
    region = draw_change_mask(before, after, REGISTRY, margin=0.02)
    shares: list[float] = []

    def watch(x: torch.Tensor, step: Step) -> None:
        assert x.shape[0] == 2
        shares.append(float((x[0] != x[1]).any(dim=0).float().mean()))

    sampling = Sampling(steps=4, **WAYS[way])
    normal, _ = pipeline.counterfactual(image, before, [after], [region], sampling=sampling, callback=watch)
    frame = CloseUp(*normal.settings["close_up"])
    part = region & normal.roi_mask
    cells = (np.count_nonzero(frame.image(part).any(axis=axis)) / frame.width * 16 + 2 for axis in (0, 1))
    assert len(shares) >= 4
    assert 0 < max(shares) <= math.prod(cells) / 16**2 < 0.5


def test_several_syntheses_share_frame_roi_and_noise(pipeline: FetalFlexPipeline) -> None:
    before, after, image = scene()
    further = moved(before, "skull", -30, 0)
    regions = [draw_change_mask(before, layout, REGISTRY) for layout in (after, further)]
    made = pipeline.counterfactual(
        image, before, [after, further], regions, prompt=[None, "small"], seed=4, sampling=Sampling(steps=2)
    )
    assert len(made) == 3
    assert len({tuple(synthesis.settings["close_up"]) for synthesis in made}) == 1
    assert {synthesis.seed for synthesis in made} == {4}
    assert made[2].prompt == "small"
    for synthesis, region in zip(made[1:], regions, strict=True):
        assert difference(made[0], synthesis)[~region].max() == 0
        assert np.array_equal(synthesis.roi_mask, made[0].roi_mask)
        assert synthesis.settings["blend"] > 0
    assert "blend" not in made[0].settings


def test_a_frame_that_is_given_is_used_and_recorded(pipeline: FetalFlexPipeline) -> None:
    before, after, image = scene()
    frame = CloseUp.around_all([before, after], REGISTRY, pipeline.edit_roi(before, after))
    wide = CloseUp(frame.x - 5, 0, frame.width + 12, image.shape[0])
    made = [
        pipeline.edit(image, before, after, sampling=Sampling(close_up=part, steps=1)) for part in (True, frame, wide)
    ]
    assert made[0].settings["close_up"] == [frame.x, frame.y, frame.width, frame.height]
    assert made[2].settings["close_up"] == [wide.x, wide.y, wide.width, wide.height]
    assert difference(made[0], made[1]).max() == 0
    assert difference(made[0], made[2]).max() > 0
    whole = pipeline(after, image=image, sampling=Sampling(close_up=CloseUp.whole(after), steps=1))
    assert whole.settings["close_up"] is False
    assert difference(whole, pipeline(after, image=image, sampling=Sampling(close_up=False, steps=1))).max() == 0


def test_an_edits_frame_shows_both_layouts_even_if_a_mask_says_what_changes(pipeline: FetalFlexPipeline) -> None:
    before, _, image = scene()
    after = before.with_structures(before.structures[1:])
    mask = np.zeros(image.shape, bool)
    mask[40:60, 120:140] = True
    made = pipeline.edit(image, before, after, roi=mask, sampling=Sampling(steps=1))
    assert np.array_equal(made.roi_mask, mask)
    x, y, width, height = made.settings["close_up"]
    x0, y0, x1, y1 = before.structures[0].box.corners()
    assert x <= x0 + 1
    assert y <= y0 + 1
    assert x + width >= x1 - 1
    assert y + height >= y1 - 1


@pytest.mark.parametrize(
    ("close_up", "message"),
    [
        (CloseUp(0, 0, 40, 40), r"close_up, 40 x 40 px from \(0, 0\), leaves out part of the region"),
        (CloseUp(-1, 0, 190, 120), "does not lie in the image of 194 x 124 px"),
        (CloseUp(0, 0, 195, 124), "does not lie in the image"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused(pipeline: FetalFlexPipeline, close_up: CloseUp, message: str) -> None:
    before, after, image = scene()
    with pytest.raises(FetalFlexError, match=message):
        pipeline.edit(image, before, after, sampling=Sampling(close_up=close_up, steps=1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"may_differ": [np.zeros((124, 194), bool)]}, "marks nothing inside the ROI"),
        ({"may_differ": [np.ones((124, 194), np.uint8)]}, r"may_differ is uint8 \(124, 194\)"),
        ({"may_differ": [np.ones((3, 3), bool)]}, r"may_differ is bool \(3, 3\); give a bool mask of shape"),
        ({"may_differ": [np.ones((124, 194), bool)] * 2}, "may_differ has 2 masks for 1 layouts"),
        ({"may_differ": [None]}, "may_differ is None"),
        ({"after": []}, "after is empty"),
        ({"roi": np.ones((3, 3), bool)}, r"roi is bool \(3, 3\)"),
        ({"roi": 7}, "roi is 7"),
        ({"prompt": ["a", "b"]}, "prompt has 2 values for 1 layouts"),
        ({"image": np.zeros((3, 3), np.uint8)}, "image is uint8"),
        (
            {"after": [Layout("abdominal_transverse", 9, 9, (PlacedStructure("stomach", Box(4, 4, 2, 2)),))]},
            "and 9 x 9 px",
        ),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    pipeline: FetalFlexPipeline, changes: dict[str, Any], message: str
) -> None:
    before, after, image = scene()
    region = draw_change_mask(before, after, REGISTRY)
    given = {"image": image, "before": before, "after": [after], "may_differ": [region]} | changes
    with pytest.raises(FetalFlexError, match=message):
        pipeline.counterfactual(**given)
