"""Helpful errors for options that go by another name elsewhere, or are misspelt."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import ParamSpec, TypeVar

from fetalflex.checks import did_you_mean
from fetalflex.errors import FetalFlexError

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

SYNONYMS = {
    "callback_on_step_end": "callback",
    "control_image": "layout",
    "init_image": "image",
    "mask": "roi",
    "mask_image": "roi",
    "num_inference_steps": "steps",
    "padding_mask_crop": "close_up",
    "scheduler": "sampler",
    "torch_dtype": "precision",
}
"""What options are called here that have another name elsewhere, in diffusers above all."""

_ADVICE = {
    "controlnet_conditioning_scale": "give guidance=Guidance(layout=...) in Sampling",
    "device": "move the pipeline: pipeline.to(device)",
    "generator": "give seed, a whole number",
    "guidance_scale": "give guidance=Guidance(prompt=...) in Sampling",
    "height": "the image has the size of its layout",
    "num_images_per_prompt": "give pipeline.batch one Request per image, each with a seed",
    "output_type": "a Synthesis has both: image, an array, and to_pil()",
    "width": "the image has the size of its layout",
}


class UnknownOption(FetalFlexError, TypeError):  # noqa: N818 - what came, in the words of Python's own TypeError
    """Signal an option that a function does not take, and say which it may mean."""


def explain_options(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function that says what an option that it does not take may be called."""
    allowed = [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]

    @wraps(function)
    def call(*args: P.args, **options: P.kwargs) -> R:
        for name in options:
            if name not in allowed:
                raise UnknownOption(_explanation(function.__name__, name, allowed))
        return function(*args, **options)

    return call


def explain_fields(cls: type[T]) -> type[T]:
    """Return the dataclass, which now says what a field that it does not have may be called."""
    allowed = list(inspect.signature(cls).parameters)
    make = cls.__init__

    @wraps(make)
    def construct(self: T, *args: object, **options: object) -> None:
        for name in options:
            if name not in allowed:
                raise UnknownOption(_explanation(cls.__name__, name, allowed))
        make(self, *args, **options)

    cls.__init__ = construct  # type: ignore[assignment]
    return cls


def _explanation(taker: str, name: str, allowed: Collection[str]) -> str:
    from fetalflex.pipeline.sampling import sampling_fields

    start = f"{'the pipeline' if taker == '__call__' else taker} takes no {name}"
    if name in _ADVICE:
        return f"{start}; {_ADVICE[name]}"
    known = SYNONYMS.get(name, name)
    if known in allowed:
        return f"{start}; it is called {known}"
    if "sampling" in allowed and known in sampling_fields():
        return f"{start}; it belongs to the sampling: give sampling=Sampling({known}=...)"
    return f"{start}; it takes {', '.join(allowed)}.{did_you_mean(name, [*allowed, *sampling_fields()])}"
