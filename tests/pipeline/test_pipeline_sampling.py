"""Samplers, SSA, resampling, negative prompts and the second stage (OSM), through the pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fetalflex.anatomy import Layout
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.resampling import Resampling
from fetalflex.diffusion.sampling import Step
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from phantoms import draw_phantom, random_layout

WAYS: dict[str, dict[str, Any]] = {
    "ddim": {},
    "dpm++": {"sampler": "dpm++"},
    "unipc": {"sampler": "unipc"},
    "ssa": {"smoothing": Smoothing()},
    "ssa on latents": {"smoothing": Smoothing(smoothed="latent", decay=0.0)},
    "repaint": {"resampling": Resampling(2, 2)},
    "bfloat16": {"precision": "bf16"},
    "ssa with unipc and repaint": {"smoothing": Smoothing(), "sampler": "unipc", "resampling": Resampling(2, 2)},
}


def scene(seed: int = 0, width: int = 70, height: int = 58) -> tuple[Layout, np.ndarray]:
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, width, height)
    return layout, draw_phantom(layout, rng)


def organ(width: int = 70, height: int = 58, x: int = 35, y: int = 29) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return np.hypot(columns - x, rows - y) < 8


@pytest.mark.parametrize("way", WAYS)
def test_outside_the_roi_the_image_stays_bit_for_bit(pipeline: FetalFlexPipeline, way: str) -> None:
    layout, image = scene()
    mask = organ()
    made = pipeline(layout, image=image, roi=mask, seed=5, sampling=Sampling(steps=4, **WAYS[way]))
    refined = pipeline.refine(image, layout, mask, seed=5, sampling=Sampling(steps=4, **WAYS[way]))
    for result in (made, refined):
        assert np.array_equal(result.image[~mask], image[~mask])
        assert (result.image[mask] != image[mask]).mean() > 0.5


@pytest.mark.parametrize("way", WAYS)
def test_an_image_does_not_depend_on_its_batch(pipeline: FetalFlexPipeline, way: str) -> None:
    """Among them one without a background, which needs no noise for it."""
    scenes = [scene(seed) for seed in range(3)]
    layouts, images = [layout for layout, _ in scenes], [None, *(image for _, image in scenes[1:])]
    sampling = Sampling(steps=4, **WAYS[way])
    parts = zip(layouts, images, [7, 8, 9], strict=True)
    together = pipeline.batch([Request(*one, seed=seed) for *one, seed in parts], sampling, batch_size=3)
    for made, layout, image, seed in zip(together, layouts, images, [7, 8, 9], strict=True):
        alone = pipeline(layout, image=image, seed=seed, sampling=sampling)
        assert np.abs(made.image.astype(int) - alone.image).max() <= 1


def test_ways_differ_and_are_recorded(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene()
    made = {way: pipeline(layout, sampling=Sampling(steps=6, **options)) for way, options in WAYS.items()}
    images = [result.image.tobytes() for result in made.values()]
    assert len(set(images)) == len(images)
    assert made["unipc"].settings["sampler"] == "unipc"
    assert made["repaint"].settings["resampling"] == {"jump_length": 2, "repeats": 2}
    assert made["ssa"].settings["smoothing"]["iterations"] == 2
    assert "smoothing" not in made["ddim"].settings
    assert "FetalFlex:settings" in made["ssa"].metadata()


def test_the_callback_sees_resampled_steps_and_previews_them(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene()
    seen: list[Step] = []
    pipeline(
        layout, callback=lambda _, step: seen.append(step), sampling=Sampling(steps=4, resampling=Resampling(2, 2))
    )
    assert [step.index for step in seen] == list(range(8))
    preview = pipeline.preview(seen[-1].denoised)
    assert preview.shape == (1, 64, 64)
    assert preview.dtype == np.uint8


def test_bfloat16_makes_nearly_the_same_image_and_is_recorded(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    exact, fast = (
        pipeline(layout, image=image, seed=5, sampling=Sampling(steps=4, precision=name)) for name in ("fp32", "bf16")
    )
    differences = np.abs(exact.image.astype(int) - fast.image)[exact.roi_mask]
    assert 0 < differences.mean() < 3
    assert "precision" not in exact.settings
    assert fast.settings["precision"] == "bf16"
    with pytest.raises(FetalFlexError, match="precision must be one of fp32, bf16, got 'fp16'"):
        pipeline(layout, sampling=Sampling(steps=4, precision="fp16"))  # type: ignore[arg-type]


def test_a_model_in_bfloat16_throughout_as_on_a_gpu_makes_nearly_the_same_image(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    halved = FetalFlexPipeline(pipeline.components.in_bfloat16())
    weights = [weight for network in halved.components.networks().values() for weight in network.parameters()]
    assert {weight.dtype for weight in weights} == {torch.bfloat16}
    assert pipeline.components.unet.dtype == torch.float32
    for sampler in ("ddim", "unipc"):
        sampling = Sampling(sampler=sampler, steps=4, guidance=Guidance(prompt=2.0))
        exact, fast = (each(layout, image=image, seed=5, sampling=sampling) for each in (pipeline, halved))
        differences = np.abs(exact.image.astype(int) - fast.image)
        assert 0 < differences[exact.roi_mask].mean() < 3
        assert not differences[~exact.roi_mask].any()


def test_a_negative_prompt_is_steered_away_from(pipeline: FetalFlexPipeline) -> None:
    layout, _ = scene()
    guided = Guidance(prompt=3.0, layout=1.0)
    plain, same, away = (
        pipeline(layout, negative_prompt=text, sampling=Sampling(steps=3, guidance=guided))
        for text in (None, "", "shadow")
    )
    assert np.array_equal(plain.image, same.image)
    assert not np.array_equal(plain.image, away.image)
    assert away.settings["negative_prompt"] == "shadow"
    assert "negative_prompt" not in plain.settings
    requests = [Request(layout, negative_prompt=text) for text in (None, "shadow")]
    both = pipeline.batch(requests, Sampling(steps=3, guidance=guided))
    assert np.abs(both[0].image.astype(int) - plain.image).max() <= 1
    assert np.abs(both[1].image.astype(int) - away.image).max() <= 1
    with pytest.raises(FetalFlexError, match="negative_prompt has no effect"):
        pipeline(layout, negative_prompt="shadow", sampling=Sampling(steps=3))


def test_little_strength_stays_near_the_draft(pipeline: FetalFlexPipeline) -> None:
    """With an autoencoder that knows nothing, near means near to what it makes of the draft."""
    layout, image = scene(0, 64, 64)
    mask = organ(64, 64)

    def distance(strength: float) -> float:
        made = pipeline.refine(image, layout, mask, seed=1, sampling=Sampling(strength=strength, steps=50))
        gone = pipeline.refine(image, layout, mask, seed=1, sampling=Sampling(strength=1e-6, steps=1000))
        return float(np.abs(made.image.astype(float) - gone.image)[mask].mean())

    assert distance(0.02) < distance(0.5)


def test_full_strength_forgets_what_was_in_the_mask(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene(0, 64, 64)
    mask = organ(64, 64)
    refined = pipeline.refine(image, layout, mask, seed=4, sampling=Sampling(strength=1.0, steps=3))
    inpainted = pipeline(layout, image=image, roi=mask, seed=4, sampling=Sampling(steps=3))
    assert np.array_equal(refined.image, inpainted.image)


def test_several_organs_are_refined_in_one_pass(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    masks = np.stack([organ(x=20), organ(x=50)])
    together = pipeline.refine(image, layout, masks, sampling=Sampling(steps=3))
    union = pipeline.refine(image, layout, masks[0] | masks[1], sampling=Sampling(steps=3))
    assert np.array_equal(together.image, union.image)
    assert np.array_equal(together.roi_mask, masks[0] | masks[1])
    assert together.settings["strength"] == 0.6


def test_the_share_of_the_steps_is_what_strength_says(pipeline: FetalFlexPipeline) -> None:
    layout, image = scene()
    for strength, expected in ((1.0, 10), (0.6, 6), (0.25, 2), (0.01, 1)):
        seen: list[Step] = []
        pipeline.refine(
            image,
            layout,
            organ(),
            callback=lambda _, step, seen=seen: seen.append(step),
            sampling=Sampling(strength=strength, steps=10),
        )
        assert len(seen) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask": np.zeros((58, 70), bool)}, "mask is empty"),
        ({"mask": np.ones((58, 70), np.uint8)}, "mask is uint8"),
        ({"mask": np.ones((3, 3), bool)}, r"mask is bool \(3, 3\)"),
        ({"mask": np.ones((0, 58, 70), bool)}, "mask is empty"),
        ({"draft": np.zeros((3, 3), np.uint8)}, "image is uint8"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    pipeline: FetalFlexPipeline, changes: dict[str, Any], message: str
) -> None:
    layout, image = scene()
    given = {"draft": image, "layout": layout, "mask": organ()} | changes
    with pytest.raises(FetalFlexError, match=message):
        pipeline.refine(**given)
