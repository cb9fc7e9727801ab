from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from fetalflex.anatomy import (
    Box,
    Canvas,
    CloseUp,
    Layout,
    PlacedStructure,
    default_registry,
    draw_roi_mask,
    global_prompt,
)
from fetalflex.anatomy.conditions import build_conditions
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.sampling import Step
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.models.components import Components, model_identity
from fetalflex.models.latents import decode, grey_from_pixels
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis
from phantoms import draw_phantom, random_layout

REGISTRY = default_registry()
STEPS = 3
ROUNDING = 1
"""Grey levels by which an image may differ between batches: matrix products sum in another order."""


def scene(width: int = 64, height: int = 64, seed: int = 0) -> tuple[Layout, np.ndarray]:
    """Return a phantom's layout and image."""
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, width, height)
    return layout, draw_phantom(layout, rng)


def disc(width: int, height: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] + 0.5
    return np.hypot((x - width / 2) / width, (y - height / 3) / height) < 0.2


def one_pixel(width: int, height: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[-1, -1] = True
    return mask


def difference(first: Synthesis, second: Synthesis) -> int:
    return int(np.abs(first.image.astype(int) - second.image).max())


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


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@torch.no_grad()
def test_it_is_ddim_as_diffusers_would_run_it(random_model: Components, prediction: str) -> None:
    """The same networks in a plain loop: un-embedded condition, diffusers' scheduler, no code of our sampler."""
    layout, _ = scene()
    random_model.scheduler.register_to_config(prediction_type=prediction)
    pipeline = FetalFlexPipeline(random_model)
    made = pipeline(layout, seed=11, sampling=Sampling(steps=5, guidance=Guidance.off()))
    model = pipeline.components
    canvas_layout = Canvas(64, 64, 64).layout_to_canvas(layout)
    conditions = build_conditions(canvas_layout, None, np.ones((64, 64), bool), REGISTRY)
    given = pipeline.canvas_sampler.latent_conditions([conditions])
    condition = model.prealignment(given.layout, given.background, given.roi_mask)
    scheduler = DDIMScheduler.from_config(model.scheduler.config)
    scheduler.set_timesteps(5)
    x = torch.randn((1, 4, 16, 16), generator=torch.Generator().manual_seed(11))
    for t in scheduler.timesteps:
        down, middle = model.controlnet(x, t, given.text, condition, return_dict=False)
        predicted = model.unet(
            x, t, given.text, down_block_additional_residuals=down, mid_block_additional_residual=middle
        ).sample
        x = scheduler.step(predicted, t, x, eta=0.0).prev_sample
    expected = grey_from_pixels(decode(model.vae, x))[0]
    assert np.abs(expected.astype(int) - made.image).max() <= ROUNDING


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_an_image_does_not_depend_on_its_batch(pipeline: FetalFlexPipeline, eta: float) -> None:
    """Among them one without and one with a background, which draw different noise."""
    scenes = [scene(64, 64, 0), scene(90, 50, 1), scene(64, 64, 2), scene(50, 90, 3)]
    layouts = [layout for layout, _ in scenes]
    images = [None, scenes[1][1], scenes[2][1], None]
    rois: list[Any] = ["full", "auto", "full", "auto"]
    seeds = [5, 6, 7, 8]
    sampling = Sampling(steps=STEPS, eta=eta)
    parts = zip(layouts, images, rois, seeds, strict=True)
    requests = [Request(layout, image, roi, seed=seed) for layout, image, roi, seed in parts]
    together = pipeline.batch(requests, sampling, batch_size=4)
    one_by_one = pipeline.batch(requests, sampling, batch_size=1)
    for i in range(4):
        alone = pipeline(layouts[i], image=images[i], roi=rois[i], seed=seeds[i], sampling=sampling)
        assert difference(one_by_one[i], alone) == 0
        assert difference(together[i], alone) <= ROUNDING


def test_a_seed_is_repeatable_and_another_differs(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    torch.manual_seed(0)
    first = pipeline(layout, image=image, seed=1, sampling=Sampling(steps=STEPS))
    torch.manual_seed(1)
    assert difference(first, pipeline(layout, image=image, seed=np.int64(1), sampling=Sampling(steps=STEPS))) == 0
    assert difference(first, pipeline(layout, image=image, seed=2, sampling=Sampling(steps=STEPS))) > 0


def test_layout_prompt_and_guidance_matter(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    options: dict[str, Any] = {"image": image, "roi": disc(64, 64)}
    plain = Sampling(steps=STEPS)
    first = pipeline(layout, **options, sampling=plain)
    assert first.prompt == global_prompt(layout, REGISTRY)
    mirrored = dataclasses.replace(layout, structures=layout.mirrored_horizontally().structures[::-1])
    others = [
        pipeline(mirrored, **options, sampling=plain),
        pipeline(layout, prompt="fetal spine", **options, sampling=plain),
        pipeline(layout, **options, sampling=plain.replace(guidance=Guidance(3, 1))),
        pipeline(layout, **options, sampling=plain.replace(guidance=Guidance(1, 1))),
        pipeline(layout, **options, sampling=plain.replace(eta=1.0)),
    ]
    for other in others:
        assert difference(first, other) > 0
    assert others[1].prompt == "fetal spine"


def test_a_synthesis_says_how_it_was_made(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene()
    made = pipeline(layout, seed=3, sampling=Sampling(steps=2, eta=np.float32(0.5), guidance=Guidance(2, 3)))
    assert (made.layout, made.seed) == (layout, 3)
    assert made.model == pipeline.identity == model_identity(pipeline.components)
    assert made.settings == {
        "sampler": "ddim", "steps": 2, "eta": 0.5, "prompt_guidance": 2, "layout_guidance": 3,
        "close_up": False,
    }  # fmt: skip
    assert '"steps": 2' in made.metadata()["FetalFlex:settings"]


def far_scene() -> tuple[Layout, np.ndarray]:
    """Return a phantom that fills a small part of its image."""
    layout, image = scene(64, 64)
    wide = np.pad(image, ((40, 120), (200, 60)), mode="edge")
    return layout.rescaled(1, 200, 40, width=wide.shape[1], height=wide.shape[0]), wide


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


def test_a_saved_and_reloaded_pipeline_makes_the_same_images(pipeline: FetalFlexPipeline, tmp_path: Path) -> None:
    layout, image = scene()
    pipeline.save_pretrained(tmp_path / "model")
    pipeline.save_pretrained(tmp_path / "half", half=True)
    first = pipeline(layout, image=image, sampling=Sampling(steps=STEPS))
    again = FetalFlexPipeline.from_pretrained(tmp_path / "model")(layout, image=image, sampling=Sampling(steps=STEPS))
    assert difference(first, again) == 0
    assert first.model == again.model
    half = FetalFlexPipeline.from_pretrained(tmp_path / "half")(layout, image=image, sampling=Sampling(steps=STEPS))
    assert difference(first, half) <= 3
    assert first.model == half.model


def test_the_callback_sees_every_step_and_cancels_by_raising(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene()
    seen: list[tuple[int, bool]] = []

    def watch(x: torch.Tensor, step: Step) -> None:
        assert x.shape == step.denoised.shape == (1, 4, 16, 16)
        seen.append((step.index, step.is_last))
        if len(seen) == 5:
            raise KeyboardInterrupt

    pipeline(layout, callback=watch, sampling=Sampling(steps=2))
    assert seen == [(0, False), (1, True)]
    with pytest.raises(KeyboardInterrupt):
        pipeline(layout, callback=watch, sampling=Sampling(steps=9))
    assert len(seen) == 5


def test_progress_counts_images_and_fractions_of_them(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene()
    shown: list[float] = []
    pipeline.batch([Request(layout)] * 5, Sampling(steps=2), batch_size=2, on_progress=shown.append)
    assert shown == [1, 2, 3, 4, 4.5, 5]
    assert pipeline.batch([]) == []


def moved(layout: Layout, dx: float) -> Layout:
    """Return the layout with its cavum moved to the right."""
    *others, cavum = layout.structures
    return layout.with_structures([*others, PlacedStructure(cavum.name, cavum.box.translated(dx, 0))])


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


def test_what_an_edit_changed_is_strengthened_as_asked(pipeline: FetalFlexPipeline) -> None:
    before, image = scene()
    after = moved(before, 25)

    def plainly(guidance: Guidance) -> Sampling:
        return Sampling(steps=2, guidance=guidance, finishing=Finishing.off())  # whose tone knows of the edit too

    plain, strong = (
        pipeline.edit(image, before, after, sampling=plainly(Guidance(layout=2, edit=weight))) for weight in (0, 3)
    )
    assert difference(plain, strong) > 1
    assert "edit_guidance" not in plain.settings
    assert strong.settings["edit_guidance"] == 3
    requests = [Request(after, image, plain.roi_mask, before=earlier) for earlier in (after, before)]
    same, both = pipeline.batch(requests, plainly(Guidance(layout=2, edit=3)))
    assert difference(same, plain) <= 1
    assert difference(both, strong) <= 1


def test_without_an_edit_its_guidance_changes_nothing(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    plain, strong = (
        pipeline(layout, image=image, sampling=Sampling(steps=2, guidance=Guidance(edit=weight))) for weight in (0, 3)
    )
    same = pipeline(layout, image=image, before=layout, sampling=Sampling(steps=2, guidance=Guidance(edit=3)))
    assert np.array_equal(plain.image, strong.image)
    assert np.array_equal(plain.image, same.image)
    assert plain.settings == strong.settings == same.settings


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": np.zeros((64, 64), np.float32)}, r"image is float32 \(64, 64\), the layout is for uint8 \(64, 64\)"),
        ({"image": np.zeros((64, 64, 3), np.uint8)}, r"image is uint8 \(64, 64, 3\)"),
        ({"image": np.zeros((32, 64), np.uint8)}, r"image is uint8 \(32, 64\)"),
        ({"image": "head.png"}, r"image is 'head.png'; read the file first: image=fetalflex.read_image\('head.png'\)"),
        ({"image": Path("head.png")}, r"read the file first: image=fetalflex.read_image\('head.png'\)"),
        ({"image": PILImage.new("RGB", (64, 64))}, r"image is a PIL image of mode RGB; give a grey one: image.convert"),
        ({"roi": PILImage.new("RGB", (64, 64))}, r"the mask is a PIL image of mode RGB; give one of mode 1 or L"),
        ({"image": 3}, r"image must not be 3 \(int\)"),
        ({"image": ["head.png"]}, "image must not be a list of 1 items"),
        ({"roi": np.zeros((64, 64), bool)}, "roi is empty"),
        ({"roi": np.ones((64, 64), np.uint8)}, r"roi is uint8 \(64, 64\); give a mode or a bool mask"),
        ({"roi": np.ones((64, 32), bool)}, r"roi is bool \(64, 32\)"),
        ({"roi": None}, "roi is None; give a mode or a bool mask"),
        ({"roi": "everything"}, "ROI mode must be one of auto, outline, box, structures, full, got 'everything'"),
        ({"seed": -1}, "seed must be a whole number from 0 .*got -1"),
        ({"seed": 2**63}, "seed must be a whole number from 0 "),
        ({"seed": 1.5}, "seed must be a whole number .*got 1.5"),
        ({"seed": [1, 2]}, "seed must be a whole number .*got a list of 2 items"),
        ({"prompt": 7}, r"prompt must not be 7 \(int\)"),
        ({"before": "skull"}, "before is 'skull'; give a Layout"),
        ({"layout": [scene()[0]]}, "layout is a list of 1 items; make one Request per layout"),
        ({"sampling": 20}, r"sampling is 20; give a Sampling, such as Sampling\(steps=30\)"),
        ({"before": scene(64, 32)[0]}, "the layouts are of 64 x 32 and 64 x 64 px; give two layouts of one image"),
        ({"prompt": "fetal " * 60}, "62 tokens, the text encoder reads 48"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(
    pipeline: FetalFlexPipeline, options: dict[str, Any], message: str
) -> None:
    layout, image = scene()
    with pytest.raises(FetalFlexError, match=message):
        pipeline(**{"layout": layout, "image": image, "sampling": Sampling(steps=1)} | options)


def test_of_several_requests_the_wrong_one_is_named(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    with pytest.raises(FetalFlexError, match=r"^requests\[1\]: seed must be"):
        pipeline.batch([Request(layout), Request(layout, image, seed=-1)])
    with pytest.raises(FetalFlexError, match="put the one in a list"):
        pipeline.batch(Request(layout))  # type: ignore[arg-type]
    with pytest.raises(FetalFlexError, match=r"batch_size must be a whole number from 1 .*got 0"):
        pipeline.batch([Request(layout)], batch_size=0)


def test_pil_images_and_masks_do_as_well_as_arrays(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    mask = disc(64, 64)
    made = pipeline(layout, image=image, roi=mask, sampling=Sampling(steps=1))
    for picture in (PILImage.fromarray(mask), PILImage.fromarray(mask.astype(np.uint8) * 255)):
        same = pipeline(layout, image=PILImage.fromarray(image), roi=picture, sampling=Sampling(steps=1))
        assert np.array_equal(made.image, same.image)
    assert np.array_equal(np.asarray(made.to_pil()), made.image)


def test_a_pipeline_can_be_moved_and_says_what_it_is(random_model: Components) -> None:
    pipe = FetalFlexPipeline(random_model)
    assert pipe.to("cpu") is pipe
    assert repr(pipe) == f"FetalFlexPipeline({pipe.identity}, canvas of 64 x 64 px, on cpu)"
    with pytest.raises(FetalFlexError, match="device 'abacus' cannot be used here"):
        pipe.to("abacus")


def test_a_layout_of_another_plane_is_refused(pipeline: FetalFlexPipeline) -> None:
    layout = Layout("femur", 64, 64, (PlacedStructure("stomach", Box(30, 30, 9, 9)),))
    with pytest.raises(FetalFlexError, match="stomach does not belong to the plane femur"):
        pipeline(layout, sampling=Sampling(steps=1))


def test_a_layout_without_structures_needs_a_region(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    empty = layout.with_structures([])
    with pytest.raises(FetalFlexError, match="use ROI mode full"):
        pipeline(empty, image=image, sampling=Sampling(steps=1))
    assert pipeline(empty, image=image, roi="full", sampling=Sampling(steps=1)).roi_mask.all()
    assert pipeline(empty, sampling=Sampling(steps=1)).roi_mask.all()


def test_a_model_of_ones_own_planes_knows_them(shared_model: Components, tmp_path: Path) -> None:
    shared = dataclasses.replace(shared_model, planes=REGISTRY.to_yaml().replace("thalamic_transverse", "my_plane"))
    shared.save(tmp_path / "model")
    pipeline = FetalFlexPipeline.from_pretrained(tmp_path / "model")
    assert pipeline(Layout("my_plane", 64, 64), sampling=Sampling(steps=1)).image.shape == (64, 64)
    with pytest.raises(FetalFlexError, match="thalamic_transverse"):
        pipeline(Layout("thalamic_transverse", 64, 64), sampling=Sampling(steps=1))
