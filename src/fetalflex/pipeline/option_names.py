"""Helpful errors for options that go by another name elsewhere, or are misspelt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, TypeVar

from fetalflex.checks import did_you_mean
from fetalflex.errors import FetalFlexError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

SYNONYMS = {
    "callback_on_step_end": "it is called callback, and sees the latent after each step",
    "control_image": "the layout is drawn for the model; give layout",
    "controlnet_conditioning_scale": "it is called layout in guidance=Guidance(layout=...), a field of Sampling",
    "device": "move the pipeline: pipeline.to(device)",
    "generator": "give seed, a whole number",
    "guidance_scale": "it is called prompt in guidance=Guidance(prompt=...), a field of Sampling",
    "height": "the image has the size of its layout",
    "init_image": "it is called image",
    "mask": "it is called roi; True is synthesised",
    "mask_image": "it is called roi; white (True) is synthesised, as in diffusers",
    "num_images_per_prompt": "give pipeline.batch one Request per image, each with a seed",
    "num_inference_steps": "it is called steps, a field of Sampling",
    "output_type": "a Synthesis has both: image, an array, and to_pil()",
    "padding_mask_crop": "it is called close_up, a field of Sampling",
    "scheduler": "it is called sampler, a field of Sampling",
    "torch_dtype": "it is called precision, a field of Sampling",
    "width": "the image has the size of its layout",
}
"""What options are called elsewhere, in diffusers above all, and what to give here."""


class UnknownOption(FetalFlexError, TypeError):  # noqa: N818 - what came, in the words of Python's own TypeError
    """Signal an option that a function does not take, and say which it may mean."""


def explain_options(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that says what an option that it does not take may be called."""
    allowed = [name for name in inspect.signature(function).parameters if name != "self"]

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        for name in options:
            if name not in allowed:
                raise UnknownOption(_explanation(function.__name__, name, allowed))
        return function(*args, **options)

    return call


def explain_fields(cls: type[T]) -> type[T]:
    """Return the dataclass, which now says what a field that it does not have may be called."""
    allowed = [name for name in inspect.signature(cls).parameters]
    make = cls.__init__

    @wraps(make)
    def construct(self: T, *args: object, **options: object) -> None:
        for name in options:
            if name not in allowed:
                raise UnknownOption(_explanation(cls.__name__, name, allowed))
        make(self, *args, **options)

    cls.__init__ = construct  # type: ignore[assignment]
    return cls


def _explanation(taker: str, name: str, allowed: Iterable[str]) -> str:
    from fetalflex.pipeline.sampling import sampling_fields

    taker = "the pipeline" if taker == "__call__" else taker
    start = f"{taker} takes no {name}"
    if "sampling" in allowed and name in sampling_fields():
        return f"{start}; it belongs to the sampling: give sampling=Sampling({name}=...)"
    if name in SYNONYMS:
        return f"{start}; {SYNONYMS[name]}"
    return f"{start}; it takes {', '.join(allowed)}.{did_you_mean(name, [*allowed, *sampling_fields()])}"
