"""The samplers, by name."""

from __future__ import annotations

from functools import partial

from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.dpm_solver import sample_dpm_solver
from fetalflex.diffusion.sampler_names import SamplerName, check_sampler
from fetalflex.diffusion.sampling import Sampler
from fetalflex.diffusion.unipc import sample_unipc

SAMPLERS: dict[SamplerName, Sampler] = {"ddim": sample_ddim, "dpm++": sample_dpm_solver, "unipc": sample_unipc}


def choose_sampler(name: SamplerName, eta: float = 0.0) -> Sampler:
    """Return a sampler.

    Args:
        name: `ddim`, `dpm++` or `unipc`.
        eta: 0 is deterministic, 1 is ancestral sampling; only DDIM knows others than 0.

    Raises:
        FetalFlexError: If there is no such sampler, or it takes no such `eta`.
    """
    check_sampler(name, eta)
    return partial(sample_ddim, eta=eta) if name == "ddim" else SAMPLERS[name]
