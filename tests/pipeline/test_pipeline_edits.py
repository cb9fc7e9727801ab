"""Edits through the pipeline: what they change, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from fetalflex.anatomy import (
    Box,
    CloseUp,
    Layout,
    Move,
    PlacedStructure,
    Remove,
    Scale,
    default_registry,
    draw_change_mask,
    draw_roi_mask,
)
from fetalflex.anatomy.burned_in import find_words
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling

REGISTRY = default_registry()
BELLY = Layout(
    "abdominal_transverse",
    200,
    160,
    (
        PlacedStructure("abdomen", Box(100, 80, 150, 120)),
        PlacedStructure("stomach", Box(70, 90, 30, 20)),
        PlacedStructure("spine", Box(150, 80, 20, 20)),
    ),
)
IMAGE = np.random.default_rng(0).integers(40, 90, (160, 200), dtype=np.uint8)


@pytest.mark.parametrize("edit", [Move("stomach", 10, -15), Scale("stomach", 1.5), Remove("stomach")])
def test_an_edit_changes_only_what_it_must(pipeline: FetalFlexPipeline, edit: Move | Scale | Remove) -> None:
    after = edit.apply(BELLY, REGISTRY)
    made = pipeline.edit(IMAGE, BELLY, after, sampling=Sampling(steps=1))
    assert np.array_equal(made.roi_mask, draw_change_mask(BELLY, after, REGISTRY))
    assert np.array_equal(made.image[~made.roi_mask], IMAGE[~made.roi_mask])
    assert (made.image[made.roi_mask] != IMAGE[made.roi_mask]).mean() > 0.5
    assert made.roi_mask.sum() < 0.3 * draw_roi_mask(BELLY, REGISTRY).sum()
    x, y, width, height = made.settings["close_up"] or (0, 0, 200, 160)
    assert CloseUp(x, y, width, height).holds(draw_roi_mask(BELLY, REGISTRY, "box"))  # the whole body, as in training
    same = pipeline(after, image=IMAGE, roi="changed", before=BELLY, sampling=Sampling(steps=1))
    assert np.array_equal(same.image, made.image)


def test_without_a_change_the_whole_region_is_drawn_anew(pipeline: FetalFlexPipeline) -> None:
    made = pipeline.edit(IMAGE, BELLY, BELLY, sampling=Sampling(steps=1))
    assert np.array_equal(made.roi_mask, draw_roi_mask(BELLY, REGISTRY))
    assert np.array_equal(
        pipeline(BELLY, image=IMAGE, roi="changed", before=BELLY, sampling=Sampling(steps=1)).image, made.image
    )
    with pytest.raises(FetalFlexError, match="give the layout before the edit"):
        pipeline(BELLY, image=IMAGE, roi="changed", sampling=Sampling(steps=1))


def test_the_source_may_guide(pipeline: FetalFlexPipeline) -> None:
    after = Scale("stomach", 1.2).apply(BELLY, REGISTRY)
    bare = Sampling(steps=10, finishing=Finishing.off())
    steps: list[int] = []
    plain, weak, full = (
        pipeline.edit(IMAGE, BELLY, after, sampling=sampling, callback=lambda _, step: steps.append(step.count))
        for sampling in (bare, bare.replace(strength=0.2), bare.replace(strength=1.0))
    )
    assert np.array_equal(plain.image, full.image)
    assert steps == [10] * 10 + [2] * 2 + [10] * 10
    assert weak.settings["strength"] == 0.2
    assert not np.array_equal(weak.image, full.image)
    assert np.array_equal(weak.image[~weak.roi_mask], IMAGE[~weak.roi_mask])
    with pytest.raises(FetalFlexError, match="starts at the source image, but there is none"):
        pipeline(after, sampling=Sampling(strength=0.5, steps=2))
    with pytest.raises(FetalFlexError, match="strength is 2"):
        pipeline.edit(IMAGE, BELLY, after, sampling=Sampling(strength=2))


def test_text_under_a_region_is_kept_or_gone_whole(pipeline: FetalFlexPipeline) -> None:
    face = Layout("facial_sagittal", 300, 200, (PlacedStructure("palate", Box(80, 60, 60, 30)),))
    picture = Image.new("L", (300, 200))
    ImageDraw.Draw(picture).text((95, 76), "0.102 cm", fill=255, font=ImageFont.load_default(size=13))
    image = np.asarray(picture)
    after = Scale("palate", 1.1).apply(face, REGISTRY)
    cut = draw_change_mask(face, after, REGISTRY)
    words = find_words(image)
    assert any(0 < cut[word].mean() < 1 for word in words)
    for roi in ("changed", "auto", "structures"):
        made = pipeline.edit(image, face, after, roi=roi, sampling=Sampling(steps=1))
        assert all(made.roi_mask[word].mean() in (0, 1) for word in words)
    made = pipeline.edit(image, face, after, roi=cut, sampling=Sampling(steps=1))
    assert np.array_equal(made.roi_mask, cut)


def test_a_pair_keeps_the_source_where_it_may_not_differ(pipeline: FetalFlexPipeline) -> None:
    after = Scale("stomach", 1.5).apply(BELLY, REGISTRY)
    region = draw_change_mask(BELLY, after, REGISTRY)
    for made in pipeline.counterfactual(IMAGE, BELLY, [after], [region], sampling=Sampling(steps=1)):
        assert np.array_equal(made.roi_mask, region)
        assert np.array_equal(made.image[~region], IMAGE[~region])


def test_several_edits_of_an_image_share_its_seed(pipeline: FetalFlexPipeline) -> None:
    layouts = [Move("stomach", dx, -15).apply(BELLY, REGISTRY) for dx in (0, 10)]
    both = pipeline.edit(IMAGE, BELLY, layouts, seed=3, sampling=Sampling(steps=1))
    for made, layout in zip(both, layouts, strict=True):
        alone = pipeline.edit(IMAGE, BELLY, layout, seed=3, sampling=Sampling(steps=1))
        assert (made.layout, made.seed) == (layout, 3)
        assert np.abs(made.image.astype(int) - alone.image).max() <= 1
    assert pipeline.edit(IMAGE, BELLY, []) == []


@pytest.mark.parametrize("mode", ["auto", "box", "structures", "full"])
def test_a_request_with_the_layout_before_covers_what_was_there(pipeline: FetalFlexPipeline, mode: str) -> None:
    gone = Remove("spine").apply(Move("stomach", 40, 40).apply(BELLY, REGISTRY), REGISTRY)
    [made] = pipeline.batch([Request(gone, IMAGE, mode, before=BELLY)], Sampling(steps=1))
    assert np.array_equal(made.roi_mask, pipeline.edit_region(IMAGE, BELLY, gone, mode))
