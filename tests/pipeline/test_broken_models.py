"""A model that gives no finite values is told, whichever of its parts it is and whatever was asked of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from fetalflex.anatomy import Layout, Move, Recipe, default_registry
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis
from phantoms import draw_phantom, random_layout

RNG = np.random.default_rng(0)
BEFORE = random_layout(RNG, 64, 64)
IMAGE = draw_phantom(BEFORE, RNG)
STEPS = 2


def moved() -> Layout:
    return Recipe((Move(BEFORE.structures[-1].name, 1, 0),)).apply(BEFORE, default_registry())


TASKS: dict[str, Callable[[FetalFlexPipeline], Any]] = {
    "whole": lambda pipeline: pipeline(BEFORE, sampling=Sampling(steps=STEPS)),
    "region": lambda pipeline: pipeline(BEFORE, image=IMAGE, sampling=Sampling(steps=STEPS)),
    "batch": lambda pipeline: pipeline.batch([Request(BEFORE), Request(BEFORE, IMAGE)], Sampling(steps=STEPS)),
    "refine": lambda pipeline: pipeline.refine(IMAGE, BEFORE, np.ones((64, 64), bool), sampling=Sampling(steps=4)),
    "edit": lambda pipeline: pipeline.edit(IMAGE, BEFORE, moved(), sampling=Sampling(steps=STEPS)),
    "counterfactual": lambda pipeline: pipeline.counterfactual(
        IMAGE, BEFORE, [moved()], [np.ones((64, 64), bool)], sampling=Sampling(steps=STEPS)
    ),
}


def broken(model: Components, part: str, value: float) -> FetalFlexPipeline:
    """Return a pipeline in which one part's last weights are `value`, which loading would not let through."""
    components = copy.deepcopy(model)
    with torch.no_grad():
        list(getattr(components, part).parameters())[-1].fill_(value)
    return FetalFlexPipeline(components)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_with_a_denoiser_that_breaks_names_it(shared_model: Components, task: str) -> None:
    with pytest.raises(FetalFlexError, match=r"^unet, controlnet or prealignment: the latents are not finite"):
        TASKS[task](broken(shared_model, "unet", float("nan")))


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ("text_encoder", "text_encoder: the embeddings of prompts"),
        ("vae", "vae: the latents of layout maps|vae: the images"),
        ("unet", "unet, controlnet or prealignment: the latents"),
        ("controlnet", "unet, controlnet or prealignment: the latents"),
        ("prealignment", "unet, controlnet or prealignment: the latents"),
    ],
)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_the_part_is_named(shared_model: Components, part: str, named: str, value: float) -> None:
    with pytest.raises(FetalFlexError, match=rf"^({named}) are not finite"):
        TASKS["region"](broken(shared_model, part, value))


def test_weights_that_are_finite_but_overflow_are_told_too(shared_model: Components) -> None:
    with pytest.raises(FetalFlexError, match="not finite"):
        TASKS["region"](broken(shared_model, "unet", 3e38))


def synthesis(grey: int, background: int = 90) -> Synthesis:
    roi = np.zeros((64, 64), bool)
    roi[20:40, 20:40] = True
    image = np.full((64, 64), background, np.uint8)
    image[roi] = grey
    return Synthesis(image, BEFORE, roi, "", 0, "m")


@pytest.mark.parametrize(("grey", "black"), [(0, True), (1, False), (40, False)])
def test_black_is_said_of_the_synthetic_region_alone(grey: int, black: bool) -> None:
    assert synthesis(grey).is_black is black
    assert synthesis(grey, background=0).is_black is black
