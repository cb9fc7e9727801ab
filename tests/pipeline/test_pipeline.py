"""Layouts in, images out: what an image depends on, and what is told while it is made."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler
from PIL import Image as PILImage
from pipeline_scenes import REGISTRY, difference, disc, moved, scene

from fetalflex.anatomy import Canvas, Layout, global_prompt
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

STEPS = 3
ROUNDING = 1
"""Grey levels by which an image may differ between batches: matrix products sum in another order."""


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


def test_a_model_of_ones_own_planes_knows_them(shared_model: Components, tmp_path: Path) -> None:
    shared = dataclasses.replace(shared_model, planes=REGISTRY.to_yaml().replace("thalamic_transverse", "my_plane"))
    shared.save(tmp_path / "model")
    pipeline = FetalFlexPipeline.from_pretrained(tmp_path / "model")
    assert pipeline(Layout("my_plane", 64, 64), sampling=Sampling(steps=1)).image.shape == (64, 64)
    with pytest.raises(FetalFlexError, match="thalamic_transverse"):
        pipeline(Layout("thalamic_transverse", 64, 64), sampling=Sampling(steps=1))
