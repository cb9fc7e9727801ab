"""The samplers, by name."""

from __future__ import annotations

from functools import partial

from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.dpm_solver import sample_dpm_solver
from fetalflex.diffusion.sampling import Sampler
from fetalflex.diffusion.unipc import sample_unipc
from fetalflex.errors import FetalFlexError

SAMPLERS: dict[str, Sampler] = {"ddim": sample_ddim, "dpm++": sample_dpm_solver, "unipc": sample_unipc}


def choose_sampler(name: str, eta: float = 0.0) -> Sampler:
    """Return a sampler.

    Args:
        name: `ddim`, `dpm++` or `unipc`.
        eta: 0 is deterministic, 1 is ancestral sampling; only DDIM knows others than 0.

    Raises:
        FetalFlexError: If there is no such sampler, or it takes no such `eta`.
    """
    if name not in SAMPLERS:
        raise FetalFlexError(f"sampler is {name!r}; choose one of {', '.join(SAMPLERS)}")
    if not 0.0 <= eta <= 1.0:
        raise FetalFlexError(f"eta is {eta}; choose a number from 0 (deterministic) to 1 (ancestral)")
    if name == "ddim":
        return partial(sample_ddim, eta=eta)
    if eta != 0.0:
        raise FetalFlexError(f"eta is {eta}, but the sampler {name} is deterministic; use eta 0 or the sampler ddim")
    return SAMPLERS[name]
