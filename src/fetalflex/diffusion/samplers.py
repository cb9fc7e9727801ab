"""The samplers, by name. Their files, and with them torch, are loaded when one is chosen."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from fetalflex.checks import finite_number, shown
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.diffusion.sampling import Sampler

SamplerName = Literal["ddim", "dpm++", "unipc"]

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)


def samplers() -> dict[SamplerName, Sampler]:
    """Return all samplers."""
    from fetalflex.diffusion.ddim import sample_ddim
    from fetalflex.diffusion.dpm_solver import sample_dpm_solver
    from fetalflex.diffusion.unipc import sample_unipc

    return {"ddim": sample_ddim, "dpm++": sample_dpm_solver, "unipc": sample_unipc}


def choose_sampler(name: SamplerName, eta: float = 0.0) -> Sampler:
    """Return a sampler.

    Args:
        name: `ddim`, `dpm++` or `unipc`.
        eta: 0 is deterministic, 1 is ancestral sampling; only DDIM knows others than 0.

    Raises:
        FetalFlexError: If there is no such sampler, or it takes no such `eta`.
    """
    check_sampler(name, eta)
    if name == "ddim":
        from fetalflex.diffusion.ddim import sample_ddim

        return partial(sample_ddim, eta=eta)
    return samplers()[name]


def check_sampler(name: object, eta: object = 0.0) -> None:
    """Raise a FetalFlexError if there is no such sampler, or it takes no such `eta`."""
    if name not in SAMPLERS:
        raise FetalFlexError(f"sampler is {shown(name)}; choose one of {', '.join(SAMPLERS)}")
    number = finite_number(eta, "eta")
    if not 0.0 <= number <= 1.0:
        raise FetalFlexError(f"eta is {number:g}; choose a number from 0 (deterministic) to 1 (ancestral)")
    if name != "ddim" and number != 0.0:
        raise FetalFlexError(
            f"eta is {number:g}, but the sampler {name} is deterministic; use eta 0 or the sampler ddim"
        )
