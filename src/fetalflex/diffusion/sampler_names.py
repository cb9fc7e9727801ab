"""The names of the samplers, for where torch is not needed; the samplers themselves are in `samplers`."""

from __future__ import annotations

from typing import Literal, get_args

from fetalflex.checks import finite_number, shown
from fetalflex.errors import FetalFlexError

SamplerName = Literal["ddim", "dpm++", "unipc"]


def check_sampler(name: object, eta: object = 0.0) -> None:
    """Check the name of a sampler, and its `eta`: 0 is deterministic, 1 is ancestral sampling.

    Raises:
        FetalFlexError: If there is no such sampler, or it takes no such `eta`.
    """
    if name not in get_args(SamplerName):
        raise FetalFlexError(f"sampler is {shown(name)}; choose one of {', '.join(get_args(SamplerName))}")
    number = finite_number(eta, "eta")
    if not 0.0 <= number <= 1.0:
        raise FetalFlexError(f"eta is {number:g}; choose a number from 0 (deterministic) to 1 (ancestral)")
    if name != "ddim" and number != 0.0:
        raise FetalFlexError(
            f"eta is {number:g}, but the sampler {name} is deterministic; use eta 0 or the sampler ddim"
        )
